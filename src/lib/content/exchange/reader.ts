import { Bitfield } from '../bitfield.ts'
import type { ContentId } from '../content-id.ts'
import type { Holding } from '../holding.ts'
import { numberOf, type Part } from '../parts.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import { SpeedMeter } from './speed-meter.ts'
import { MAX_ASKED, MAX_NAMED, PAGE_LEAVES, pairOf, type BlocksMessage } from './protocol.ts'

/** How often readers are told what is here by now, at most, ms. */
export const GAINED_PACE_MS = 100

/** Over how long it is measured how fast a reader comes to have all of it, ms: over a slow path a leaf takes seconds. */
const GAINS_WINDOW_MS = 10_000

export interface ReaderInit {
  peer: PeerIdString
  path: 'direct' | 'relayed'
  topic: number
  holding: Holding
  send: (message: BlocksMessage) => void
}

/** Somebody who gets a content from us: what they asked for, and what they know that we have. */
export class Reader {
  readonly peer: PeerIdString
  readonly path: 'direct' | 'relayed'
  readonly topic: number
  readonly holding: Holding
  /** We have something they lack, as far as they said. */
  interested = false
  /** Nothing is given to them now. */
  choked = true
  /** Since when they are choked, or are not. */
  sinceMs = 0
  /** What is given to them. */
  readonly speed = new SpeedMeter()
  /** Which leaves they have by now, whoever gave them; null while they do not tell. */
  leaves: Bitfield | null = null
  /** How fast they come to have all of it. */
  readonly gains = new SpeedMeter(GAINS_WINDOW_MS)
  readonly #send: (message: BlocksMessage) => void
  readonly #queue = new Map<number, Part>()
  /** Taken out of the queue last, and neither on its way nor called off since. */
  #giving: Part | null = null
  #told = false
  #gained: number[] = []

  constructor(init: ReaderInit) {
    this.peer = init.peer
    this.path = init.path
    this.topic = init.topic
    this.holding = init.holding
    this.#send = init.send
  }

  get content(): ContentId {
    return this.holding.content
  }

  /** Whether something they asked for is to be given. */
  get waits(): boolean {
    return this.#queue.size > 0
  }

  /** Tells what is here: all of it once, then what has come since. */
  tell(): void {
    const { manifest, leaves, complete } = this.holding
    if (manifest === null) return
    if (!this.#told) {
      this.#told = true
      this.#gained = []
      if (complete) {
        this.#send({ type: 'has', topic: this.topic, page: null, bits: new Uint8Array(0) })
        return
      }
      for (let page = 0; page * PAGE_LEAVES < leaves.length; page += 1) {
        const first = page * PAGE_LEAVES
        const count = Math.min(PAGE_LEAVES, leaves.length - first)
        // The first page is told even if it is empty: it says that there is a manifest.
        if (page > 0 && leaves.countIn(first, count) === 0) continue
        this.#send({ type: 'has', topic: this.topic, page, bits: leaves.slice(first, count) })
      }
      return
    }
    while (this.#gained.length > 0) {
      const some = this.#gained.splice(0, MAX_NAMED)
      this.#send({ type: 'gained', topic: this.topic, leaves: some })
    }
  }

  /** This part is here by now. */
  note(part: Part): void {
    if (part.kind === 'leaf' && this.#told) this.#gained.push(part.index)
  }

  /** They have these; all, where `page` is null. */
  has(page: number | null, bits: Uint8Array): void {
    const { length } = this.holding.leaves
    this.leaves ??= new Bitfield(length)
    if (page !== null) this.leaves.merge(page * PAGE_LEAVES, bits)
    else if (!this.leaves.complete) {
      for (let leaf = 0; leaf < length; leaf += 1) this.leaves.set(leaf)
    }
  }

  /** They have got these since. */
  gained(leaves: readonly number[], nowMs: number): void {
    const fresh = leaves.filter((leaf) => this.leaves?.set(leaf) === true).length
    this.gains.count(fresh * this.#leafBytes, nowMs)
  }

  /** Until they have all of it, as fast as it comes to them from everybody; null while that is not known. */
  msLeft(nowMs: number): number | null {
    const speed = this.gains.bytesPerSecond(nowMs)
    if (this.leaves === null || this.leaves.complete || speed === 0) return null
    return ((this.leaves.length - this.leaves.count) * this.#leafBytes * 1_000) / speed
  }

  ask(parts: readonly Part[]): void {
    const rejected: Part[] = []
    for (const part of parts) {
      // Whoever keeps to the limit never asks for more.
      const given = !(this.choked && part.kind === 'leaf') && this.#queue.size < MAX_ASKED
      if (given) this.#queue.set(numberOf(part), part)
      else rejected.push(part)
    }
    this.#reject(rejected)
  }

  drop(parts: readonly Part[]): void {
    this.#reject(parts.filter((part) => this.#queue.delete(numberOf(part)) || this.claim(part)))
  }

  /** The part to give next, taken out. */
  next(): Part | null {
    const [first] = this.#queue
    if (first === undefined) return null
    this.#queue.delete(first[0])
    this.#giving = first[1]
    return first[1]
  }

  /** Makes what was taken out last the caller's to answer: false if it has been answered, because it was called off. */
  claim(part: Part): boolean {
    if (this.#giving === null || numberOf(this.#giving) !== numberOf(part)) return false
    this.#giving = null
    return true
  }

  choke(choked: boolean, nowMs: number): void {
    if (this.choked === choked) return
    this.choked = choked
    this.sinceMs = nowMs
    this.#send({ type: 'choke', topic: this.topic, choked })
    if (!choked) return
    const waiting = [...this.#queue.values(), ...(this.#giving === null ? [] : [this.#giving])]
    this.drop(waiting.filter(({ kind }) => kind === 'leaf'))
  }

  /** They are gone: nothing is given to them any more. */
  end(): void {
    this.choked = true
    this.#queue.clear()
    this.#giving = null
  }

  lacks({ kind, index }: Part): void {
    this.#send({ type: 'lacks', topic: this.topic, kind, index })
  }

  /** Of one leaf as of another. */
  get #leafBytes(): number {
    const { manifest } = this.holding
    return manifest === null ? 0 : manifest.bytes / manifest.leaves
  }

  #reject(parts: readonly Part[]): void {
    for (let first = 0; first < parts.length; first += MAX_ASKED) {
      const some = parts.slice(first, first + MAX_ASKED)
      this.#send({ type: 'reject', topic: this.topic, parts: some.map(pairOf) })
    }
  }
}
