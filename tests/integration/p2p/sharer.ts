import { expect } from 'vitest'
import { chunkCipher, openChunks } from '#lib/content/chunk-cipher.ts'
import { manifestHashOf, sha256, type ContentId } from '#lib/content/content-id.ts'
import { Exchange } from '#lib/content/exchange/exchange.ts'
import { Holding } from '#lib/content/holding.ts'
import { takeIn } from '#lib/content/intake.ts'
import { Finder, type Provider } from '#lib/content/providers/finder.ts'
import { COPIES } from '#lib/protocol/copies.ts'
import { systemClock, systemRandom } from '#lib/protocol/seams.ts'
import { completed } from '../../fixtures/swarm.ts'
import { MemoryPartStore, newShelf } from '../../fixtures/memory-part-store.ts'
import { silentLogger } from '../../fixtures/fake-network.ts'
import { onState, type Person } from './person.ts'
import { after, somebody } from './scene.ts'
import type { TestRelay } from './test-relay.ts'

const DAY_MS = 24 * 60 * 60_000

/** Somebody who has contents, gives them and gets them, over real connections. */
export class Sharer {
  readonly person: Person
  readonly store = new MemoryPartStore()
  readonly exchange: Exchange
  readonly holdings = new Map<ContentId, Holding>()

  static async at(
    relay: Pick<TestRelay, 'origin'>,
    init: { webrtc?: boolean } = {},
  ): Promise<Sharer> {
    const person = await somebody({ origin: relay.origin, ...init })
    const sharer = new Sharer(person)
    await sharer.exchange.start()
    after(() => sharer.exchange.stop())
    await onState(person.node, 'online')
    return sharer
  }

  private constructor(person: Person) {
    this.person = person
    const { channels } = person.node
    this.exchange = new Exchange(
      { channels, clock: systemClock, random: systemRandom, log: silentLogger },
      {
        admit: (content) => {
          const holding = this.holdings.get(content)
          return holding === undefined ? { refusal: 'unknown' } : { holding }
        },
      },
    )
  }

  /** A content of so many random bytes. */
  async make(bytes: number, { sealed = true } = {}): Promise<Holding> {
    const shelf = newShelf()
    const blob = new Blob([systemRandom.bytes(Math.min(bytes, 60_000)), new Uint8Array(bytes)])
    const steps = takeIn(
      {
        shelf,
        files: [{ path: 'songs.bin', mediaType: '', blob: blob.slice(0, bytes) }],
        about: {
          name: 'songs.bin',
          description: '',
          createdAtMs: 0,
          expiresAtMs: null,
          creator: null,
        },
        signer: null,
        cipher: sealed ? await chunkCipher(systemRandom.bytes(32)) : openChunks,
        sealed,
      },
      { store: this.store, sha256 },
    )
    for (;;) {
      const step = await steps.next()
      if (step.done !== true) continue
      const { content } = step.value
      const holding = await Holding.open(content, shelf, { store: this.store, sha256 })
      this.holdings.set(content, holding)
      return holding
    }
  }

  keep(relay: TestRelay, { content, manifest }: Holding, bytes = manifest!.bytes) {
    const request = {
      type: 'keep',
      content: manifestHashOf(content),
      bytes,
      forMs: DAY_MS,
    } as const
    return this.person.node.network.askRelay(relay.host, COPIES, request)
  }

  async kept(relay: TestRelay, holding: Holding): Promise<void> {
    await expect
      .poll(() => this.keep(relay, holding))
      .toMatchObject({ type: 'keeping', complete: true })
  }

  async find(relay: TestRelay, content: ContentId): Promise<Provider[]> {
    const found: Provider[] = []
    const { network } = this.person.node
    await new Finder({ network, clock: systemClock, log: silentLogger }).find(
      content,
      [relay.host],
      (provider) => found.push(provider),
      new AbortController().signal,
    )
    return found
  }

  /** Gets it from whoever the relay names. */
  async get(relay: TestRelay, content: ContentId): Promise<Holding> {
    const holding = await Holding.open(content, newShelf(), { store: this.store, sha256 })
    const download = this.exchange.get(holding)
    for (const { peer, relays } of await this.find(relay, content)) {
      this.person.node.peers.want(peer, relays, 'directly', 'transfer')
      this.exchange.from(content, peer)
    }
    await completed(download)
    return holding
  }
}
