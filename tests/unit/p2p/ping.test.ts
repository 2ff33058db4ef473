import type { Connection, Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { expect, test } from 'vitest'
import { LATE_MS, PING_TIMEOUT_MS, Pinger } from '../../../src/lib/p2p/ping.ts'
import { settled } from '../../fixtures/fake-network.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'

/** A connection whose other end holds each ping until told to answer. */
function pinged() {
  const clock = new ManualClock()
  const came = Promise.withResolvers<Stream>()
  let streams = 0
  const connection = {
    async newStream(): Promise<Stream> {
      streams += 1
      const [here, there] = await streamPair()
      came.resolve(there)
      return here
    },
  } as unknown as Connection
  async function answer(change: (bytes: Uint8Array) => Uint8Array = (same) => same): Promise<void> {
    const there = await came.promise
    there.addEventListener('message', ({ data }) => {
      there.send(change(data.subarray()))
    })
  }
  return { clock, connection, pinger: new Pinger(clock), came, answer, streams: () => streams }
}

test('tells how long a message takes there and back, and leaves it with the connection', async () => {
  const { clock, connection, pinger, came, answer } = pinged()
  const pinging = pinger.ping(connection)
  const there = await came.promise
  there.addEventListener('message', () => {
    clock.advance(48)
  })
  await answer()
  expect(await pinging).toBe(48)
  expect(connection.rtt).toBe(48)
  expect(clock.pending).toBe(0)
})

test('all who ask at once share one ping', async () => {
  const { connection, pinger, answer, streams } = pinged()
  const pinging = [pinger.ping(connection, 3_000), pinger.ping(connection), pinger.ping(connection)]
  await answer()
  await Promise.all(pinging)
  expect(streams()).toBe(1)
})

test('who waits shorter hears of it sooner', async () => {
  const { clock, connection, pinger, came } = pinged()
  const patient = pinger.ping(connection)
  const hasty = pinger.ping(connection, 3_000)
  await came.promise
  clock.advance(3_000)
  await expect(hasty).rejects.toMatchObject({ name: 'NoAnswerError' })
  clock.advance(PING_TIMEOUT_MS)
  await expect(patient).rejects.toMatchObject({ name: 'NoAnswerError' })
  expect(clock.pending).toBe(0)
})

test('an answer in parts is one', async () => {
  const { connection, pinger, came } = pinged()
  const pinging = pinger.ping(connection)
  const there = await came.promise
  there.addEventListener('message', ({ data }) => {
    there.send(data.subarray(0, 1))
    there.send(data.subarray(1))
  })
  await pinging
})

test('an answer without end is none', async () => {
  const { connection, pinger, answer } = pinged()
  const pinging = pinger.ping(connection)
  await answer(() => new Uint8Array(1_000_000))
  await expect(pinging).rejects.toMatchObject({ name: 'NoAnswerError' })
})

test('another answer than what was sent is none', async () => {
  const { connection, pinger, answer } = pinged()
  const pinging = pinger.ping(connection)
  await answer((bytes) => bytes.toReversed())
  await expect(pinging).rejects.toMatchObject({ name: 'NoAnswerError' })
})

test('tells whether each was answered in time, late or not at all', async () => {
  const outcome = async (tookMs: number, isAnswered: boolean): Promise<boolean[]> => {
    const { clock, connection, pinger, came, answer } = pinged()
    const told: boolean[] = []
    pinger.addEventListener('pinged', ({ detail }) => told.push(detail.isLate))
    const pinging = pinger.ping(connection).catch(() => undefined)
    await came.promise
    // The ping is sent once its stream is there.
    await settled()
    clock.advance(tookMs)
    if (isAnswered) await answer()
    else (await came.promise).abort(new Error('cut'))
    await pinging
    return told
  }
  expect(await outcome(LATE_MS - 1, true)).toEqual([false])
  expect(await outcome(LATE_MS, true)).toEqual([true])
  expect(await outcome(LATE_MS, false)).toEqual([true])
  expect(await outcome(PING_TIMEOUT_MS, false)).toEqual([true])
  // A connection that ends meanwhile says nothing, nor does a device that slept.
  expect(await outcome(LATE_MS - 1, false)).toEqual([])
  expect(await outcome(2 * PING_TIMEOUT_MS, false)).toEqual([])
})
