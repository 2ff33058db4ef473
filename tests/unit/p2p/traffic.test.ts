import type { Connection } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { expect, test } from 'vitest'
import { WINDOW_MS } from '../../../src/lib/p2p/pace.ts'
import { Traffic } from '../../../src/lib/p2p/traffic.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'

async function tracked(encryption: string) {
  const [stream, there] = await streamPair()
  const connection = { encryption, streams: [stream], timeline: {} } as unknown as Connection
  const clock = new ManualClock()
  const traffic = new Traffic(clock)
  traffic.metrics(() => [connection]).trackProtocolStream(stream)
  const heard = (): Promise<number> =>
    new Promise((resolve) => {
      stream.addEventListener('message', ({ data }) => {
        resolve(data.byteLength)
      })
    })
  return { stream, there, clock, traffic, connection, bytes: () => traffic.of(connection), heard }
}

test('counts the streams of a connection that has nothing else, both ways', async () => {
  const { stream, there, bytes, heard } = await tracked('native')
  expect(bytes()).toEqual({ bytesIn: 0, bytesOut: 0 })
  stream.send(new Uint8Array(5))
  there.send(new Uint8Array(7))
  await heard()
  expect(bytes()).toEqual({ bytesIn: 7, bytesOut: 5 })
})

test('what arrives before anybody reads is still there for the reader', async () => {
  const { there, bytes, heard } = await tracked('native')
  there.send(new Uint8Array(7))
  await new Promise((resolve) => setImmediate(resolve))
  expect(await heard()).toBe(7)
  expect(bytes().bytesIn).toBe(7)
})

test('streams are not counted again where the connection under them is', async () => {
  const { stream, bytes } = await tracked('/noise')
  stream.send(new Uint8Array(5))
  expect(bytes()).toEqual({ bytesIn: 0, bytesOut: 0 })
})

test('tells what a connection carries for a while, by its timeline', async () => {
  const { stream, traffic, clock, connection } = await tracked('native')
  const told: object[] = []
  traffic.addEventListener('carried', ({ detail }) => told.push(detail))
  for (let windows = 0; windows < 3; windows += 1) {
    stream.send(new Uint8Array(100 * 1_024))
    clock.advance(WINDOW_MS)
  }
  const { timeline } = connection
  expect(told).toEqual([{ timeline, bytesPerSecond: (100 * 1_024 * 1_000) / WINDOW_MS }])
})
