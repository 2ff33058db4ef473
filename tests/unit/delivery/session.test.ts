import { expect, test } from 'vitest'
import { freshChains } from '#lib/delivery/chain.ts'
import { frameCodec } from '#lib/delivery/frames.ts'
import { Session, type Taken } from '#lib/delivery/session.ts'
import { ChannelClosedError } from '#lib/p2p/errors.ts'
import type { Channel } from '#lib/p2p/api.ts'
import { settled, silentLogger } from '../../fixtures/fake-network.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { MemoryDeliveryStore } from '../../fixtures/memory-delivery-store.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { signerOf } from '../../fixtures/signers.ts'

const PEER = (await signerOf(2)).peer

test('a session whose channel takes nothing more ends when what it takes in is stored', async () => {
  const clock = new ManualClock()
  const random = seededRandom(1)
  const { chain } = freshChains(PEER, random).mine
  const closed = new AbortController()
  const storing = Promise.withResolvers<Taken>()
  const channel: Channel = {
    peer: PEER,
    path: 'direct',
    closed: closed.signal,
    send: () => Promise.reject(new ChannelClosedError('takes nothing')),
    async *frames() {
      yield await Promise.resolve(
        frameCodec.encode({ type: 'message', chain, sequence: 1, sealed: new Uint8Array([1]) }),
      )
    },
    close: () => {
      closed.abort()
    },
  }
  const session = new Session({
    channel,
    clock,
    random,
    logger: silentLogger,
    store: new MemoryDeliveryStore(),
    intake: {
      chains: () => Promise.resolve(freshChains(PEER, random)),
      receive: () => storing.promise,
      announcement: () => Promise.resolve(new Uint8Array(1)),
      theyAnnounce: () => Promise.resolve(null),
      place: () => Promise.resolve({ relays: [], passes: [] }),
      theyAreAt: () => Promise.resolve(),
      theyBegan: () => Promise.resolve(),
      theyHold: () => Promise.resolve(),
      seal: () => Promise.resolve(null),
      give: () => Promise.resolve(new Uint8Array()),
      theyGave: () => Promise.resolve(),
      tellsRead: () => true,
      theyType: () => undefined,
    },
  })

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
