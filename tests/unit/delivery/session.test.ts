import { expect, test } from 'vitest'
import { freshChains } from '#lib/delivery/chain.ts'
import { frameCodec, type Frame } from '#lib/delivery/frames.ts'
import { Session, type Intake, type Taken } from '#lib/delivery/session.ts'
import { ChannelClosedError } from '#lib/p2p/errors.ts'
import type { Channel } from '#lib/p2p/api.ts'
import { settled, silentLogger } from '../../fixtures/fake-network.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { MemoryDeliveryStore } from '../../fixtures/memory-delivery-store.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { signerOf } from '../../fixtures/signers.ts'

const PEER = (await signerOf(2)).peer

const clock = new ManualClock()
const random = seededRandom(1)
const { chain } = freshChains(PEER, random).mine

function sessionOn(channel: Channel, intake: Partial<Intake>): Session {
  return new Session({
    channel,
    clock,
    random,
    logger: silentLogger,
    store: new MemoryDeliveryStore(),
    intake: {
      chains: () => Promise.resolve(freshChains(PEER, random)),
      receive: () => Promise.resolve({ type: 'held' }),
      announcement: () => Promise.resolve(new Uint8Array(1)),
      theyAnnounce: () => Promise.resolve(null),
      place: () => Promise.resolve({ relays: [], passes: [] }),
      theyAreAt: () => Promise.resolve(),
      theyBegan: () => Promise.resolve(),
      theyKnow: () => Promise.resolve(),
      theyHold: () => Promise.resolve(),
      seal: () => Promise.resolve(null),
      give: () => Promise.resolve(new Uint8Array()),
      theyGave: () => Promise.resolve(),
      tellsRead: () => true,
      theyType: () => undefined,
      ...intake,
    },
  })
}

function message(sequence: number): Frame {
  return { type: 'message', chain, sequence, sealed: new Uint8Array([1]) }
}

test('a session whose channel takes nothing more ends when what it takes in is stored', async () => {
  const closed = new AbortController()
  const storing = Promise.withResolvers<Taken>()
  const channel: Channel = {
    peer: PEER,
    path: 'direct',
    connections: 1,
    closed: closed.signal,
    send: () => Promise.reject(new ChannelClosedError('takes nothing')),
    async *frames() {
      yield await Promise.resolve(frameCodec.encode(message(1)))
    },
    close: () => {
      closed.abort()
    },
    spread: (frame) => channel.send(frame),
    widen: () => undefined,
  }
  const session = sessionOn(channel, { receive: () => storing.promise })

  let ended = false
  const running = session.run().then(() => {
    ended = true
  })
  await settled()
  expect(closed.signal.aborted).toBe(true)
  expect(ended).toBe(false)

  storing.resolve({ type: 'held' })
  await running
  expect(clock.pending).toBe(0)
})

test('what does not open is answered with keys once, and once more after their next hello', async () => {
  const closed = new AbortController()
  const sent: Frame[] = []
  const given = (): number => sent.filter(({ type }) => type === 'keys').length
  let givenAtHello = 0
  const channel: Channel = {
    peer: PEER,
    path: 'direct',
    connections: 1,
    closed: closed.signal,
    send: (frame) => {
      sent.push(frameCodec.decode(frame))
      return Promise.resolve()
    },
    async *frames() {
      for (let sequence = 1; sequence <= 20; sequence += 1) {
        yield frameCodec.encode(message(sequence))
        await settled()
      }
      givenAtHello = given()
      yield frameCodec.encode({ type: 'hello', mine: { chain, sequence: 20 }, yours: null })
      yield frameCodec.encode(message(1))
      await settled()
    },
    close: () => {
      closed.abort()
    },
    spread: (frame) => channel.send(frame),
    widen: () => undefined,
  }
  await sessionOn(channel, { receive: () => Promise.resolve({ type: 'unopened' }) }).run()
  expect(givenAtHello).toBe(1)
  expect(given()).toBe(2)
})
