import { createHash } from 'node:crypto'
import type { ContentId, Sha256 } from '#lib/content/content-id.ts'
import type { Download } from '#lib/content/exchange/download.ts'
import { Exchange } from '#lib/content/exchange/exchange.ts'
import { Holding } from '#lib/content/holding.ts'
import type { Part } from '#lib/content/parts.ts'
import type { PartStore, Shelf } from '#lib/content/store/part-store.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { silentLogger } from '../../fixtures/fake-network.ts'
import { skewedClock, type VirtualTime } from '../virtual-time.ts'
import type { Access, Pipes } from './pipes.ts'

/** Answers at once: Web Crypto would answer in an order of its own. */
export const quickSha256: Sha256 = (bytes) =>
  Promise.resolve(Uint8Array.from(createHash('sha256').update(bytes).digest()))

/**
 * Who has all of it and spoils it for others: gives leaves that are none, answers nothing that is asked, or denies what it
 * said it has.
 */
export type Foe = 'liar' | 'mute' | 'denier'

export interface MemberInit {
  peer: PeerIdString
  access: Access
  seed: number
  /** Null: honest. */
  foe: Foe | null
  store: PartStore
  shelf: Shelf
}

/** A device in a swarm: the real exchange on a simulated network, with what it holds kept while it is away. */
export class Member {
  readonly init: MemberInit
  readonly #time: VirtualTime
  readonly #pipes: Pipes
  exchange: Exchange | null = null
  holding: Holding | null = null
  download: Download | null = null
  completeAtMs: number | null = null
  readonly banned = new Set<PeerIdString>()

  constructor(init: MemberInit, time: VirtualTime, pipes: Pipes) {
    this.init = init
    this.#time = time
    this.#pipes = pipes
  }

  get online(): boolean {
    return this.exchange !== null
  }

  /** Comes, or comes back, and gets what it lacks from these. */
  async come(content: ContentId, from: readonly PeerIdString[]): Promise<void> {
    const { peer, access, seed, store, shelf, foe } = this.init
    this.holding = await Holding.open(content, shelf, { store, sha256: quickSha256 })
    if (foe !== null) this.holding.read = READS[foe](this.holding)
    const exchange = new Exchange(
      {
        channels: this.#pipes.join(peer, access),
        clock: skewedClock(this.#time, 0),
        random: seededRandom(seed),
        log: silentLogger,
      },
      {
        admit: (asked) =>
          asked === content && this.holding !== null
            ? { holding: this.holding }
            : { refusal: 'unknown' },
      },
    )
    this.exchange = exchange
    exchange.addEventListener('banned', ({ detail }) => this.banned.add(detail.peer))
    await exchange.start()
    if (this.holding.complete) {
      this.completeAtMs ??= this.#time.nowMs
      return
    }
    const download = exchange.get(this.holding)
    this.download = download
    download.addEventListener('complete', () => {
      this.completeAtMs = this.#time.nowMs
    })
    for (const each of from) exchange.from(content, each)
  }

  /** Its power goes, or it leaves: what it holds stays. */
  async go(): Promise<void> {
    const { exchange } = this
    this.exchange = null
    this.download = null
    this.#pipes.leave(this.init.peer)
    await exchange?.stop()
  }
}

/** What foes give of every other leaf; all else as it is. */
const READS: Record<Foe, (holding: Holding) => Holding['read']> = {
  liar: (holding) =>
    spoiling(holding, (bytes) => {
      bytes[0]! ^= 1
      return bytes
    }),
  mute: (holding) => spoiling(holding, () => new Promise(() => undefined)),
  denier: (holding) => spoiling(holding, () => null),
}

type Bytes = Uint8Array<ArrayBuffer>

function spoiling(
  holding: Holding,
  spoil: (leaf: Bytes) => Bytes | null | Promise<never>,
): Holding['read'] {
  const read = holding.read.bind(holding)
  return async (part: Part) => {
    const bytes = await read(part)
    return bytes === null || part.kind !== 'leaf' || part.index % 2 === 0 ? bytes : spoil(bytes)
  }
}
