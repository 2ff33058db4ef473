import type { Connection, Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import type { Identity } from '../../../src/lib/crypto/api.ts'
import { Publisher, RENEW_MS, SETTLE_MS } from '../../../src/lib/p2p/discovery/publisher.ts'
import { encodeLengthPrefixed } from '../../../src/lib/p2p/length-prefixed.ts'
import type { RelayBook } from '../../../src/lib/p2p/relay-book/relay-book.ts'
import { directoryResponse } from '../../../src/lib/protocol/directory.ts'
import { systemRandom } from '../../../src/lib/protocol/seams.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { silent } from './fake-network.ts'

const STORED = encodeLengthPrefixed(directoryResponse.encode({ type: 'stored' }))

/** A relay that is asked; it answers when told to. */
class AskedRelay {
  readonly remoteAddr
  /** The other ends of what it was asked on. */
  readonly asked: Stream[] = []
  readonly #came = new EventTarget()

  constructor(port: number) {
    this.remoteAddr = multiaddr(`/ip4/127.0.0.1/tcp/${port}/ws`)
  }

  async newStream(): Promise<Stream> {
    const [near, far] = await streamPair()
    far.addEventListener('message', () => {
      this.asked.push(far)
      this.#came.dispatchEvent(new Event('came'))
    })
    return near
  }

  /** Until it was asked so often. */
  async count(times: number): Promise<void> {
    while (this.asked.length < times) {
      await new Promise((resolve) => {
        this.#came.addEventListener('came', resolve, { once: true })
      })
    }
  }
}

test('a relay that takes me while my record is on its way elsewhere is in the next one, at once', async () => {
  const clock = new ManualClock()
  const [first, second] = [new AskedRelay(1), new AskedRelay(2)]
  let reserved = [first]
  const book = new EventTarget()
  const said: string[] = []
  const saidTimes = async (times: number): Promise<void> => {
    while (said.length < times) await new Promise((go) => setImmediate(go))
  }
  const publisher = new Publisher({
    identity: (await signerOf(1)) as unknown as Identity,
    relays: Object.assign(book, {
      reservedConnections: () => reserved as unknown as Connection[],
    }) as unknown as RelayBook,
    clock,
    random: systemRandom,
    log: { ...silent, debug: (text) => said.push(text) },
  })
  publisher.start()
  book.dispatchEvent(new Event('reserved'))
  clock.advance(SETTLE_MS)
  await first.count(1)
  reserved = [first, second]
  book.dispatchEvent(new Event('reserved'))
  first.asked[0]!.send(STORED)
  await saidTimes(1)

  clock.advance(SETTLE_MS)
  await Promise.all([first.count(2), second.count(1)])
  for (const { asked } of [first, second]) asked.at(-1)!.send(STORED)
  await saidTimes(2)

  // Nothing has changed since: it is made anew before it expires, and no sooner.
  expect(said).toEqual(['my record is at 1 of 1 relays', 'my record is at 2 of 2 relays'])
  clock.advance(RENEW_MS - 1)
  await new Promise((go) => setImmediate(go))
  expect([first.asked.length, second.asked.length]).toEqual([2, 1])
  publisher.stop()
  expect(clock.pending).toBe(0)
})
