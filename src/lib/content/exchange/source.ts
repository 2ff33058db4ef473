import { Bitfield } from '../bitfield.ts'
import { numberOf, type Part } from '../parts.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import { Pipeline } from './pipeline.ts'
import { PAGE_LEAVES, pairOf, type BlocksMessage } from './protocol.ts'

/** Parts asked of one source ahead, at most: 16 MiB. */
export const MAX_AHEAD = 64

/** A part one source was asked for. */
export interface Ask {
  part: Part
  atMs: number
  /** When it was asked to give this up, and has not said yet whether it does; null: it was not. */
  recalledAtMs: number | null
  /** Who is to be asked for it then; null: anybody. */
  heir: Source | null
}

export interface SourceInit {
  peer: PeerIdString
  path: 'direct' | 'relayed'
  /** The number of the topic on its channel. */
  topic: number
  send: (message: BlocksMessage) => void
  /** How many connections lead to it now. */
  connections: () => number
}

/** Somebody a content is got from: what they have of it, and what they were asked for. */
export class Source {
  readonly peer: PeerIdString
  readonly path: 'direct' | 'relayed'
  readonly topic: number
  readonly pipeline = new Pipeline(MAX_AHEAD)
  /** How many leaves it has that are not here. */
  useful = 0
  /** Leaves it has given to hardly anybody, and should be asked for. */
  readonly suggested: number[] = []
  /** What it was told of that. */
  interested = false
  /** It gives nothing to us now. */
  choked = true
  /** Since when it gives, or gives nothing. */
  sinceMs = 0
  /** When it last gave something, or was asked while it owed nothing. */
  heardAtMs = 0
  /** How often it did not even say whether it gives a part up. */
  unanswered = 0
  /** It was asked and gave nothing for long: it is asked for one part at a time until it gives again. */
  slow = false
  /** Taken from it and right. */
  bytes = 0
  readonly #connections: () => number
  readonly #send: (message: BlocksMessage) => void
  readonly #asked = new Map<number, Ask>()
  /** Asks that need not be answered by a part any more and are not answered at all yet: how many of each. */
  readonly #dropped = new Map<number, number>()
  readonly #lacks = new Set<number>()
  /** What it told before the number of leaves was known, by page; null: it is known. */
  #early: Map<number, Bitfield> | null = new Map()
  #all = false
  #leaves = new Bitfield(0)

  constructor(init: SourceInit) {
    this.peer = init.peer
    this.path = init.path
    this.topic = init.topic
    this.#connections = init.connections
    this.#send = init.send
  }

  /** Which leaves it has; empty while their number is not known. */
  get leaves(): Bitfield {
    return this.#leaves
  }

  get asked(): ReadonlyMap<number, Ask> {
    return this.#asked
  }

  /** How many parts it should be asked for ahead. */
  window(nowMs: number): number {
    return this.slow ? 1 : this.pipeline.window(nowMs, this.#connections())
  }

  /** How many parts may still come that nobody waits for. */
  get stray(): number {
    return this.#dropped.size
  }

  /** Whether it may have a part that is no leaf. */
  mayHave(part: Part): boolean {
    return !this.#lacks.has(numberOf(part))
  }

  /** The number of leaves is known: gives those it has. */
  learn(leaves: number): number[] {
    this.#leaves = new Bitfield(leaves)
    const early = [...(this.#early ?? [])]
    this.#early = null
    if (this.#all) return this.#hasAll()
    return early.flatMap(([page, told]) => this.#merge(page, told.slice(0, PAGE_LEAVES)))
  }

  /** It has these: gives those that are new. */
  has(page: number | null, bits: Uint8Array): number[] {
    if (page === null) {
      this.#all = true
      return this.#early === null ? this.#hasAll() : []
    }
    if (this.#early === null) return this.#merge(page, bits)
    earlyPage(this.#early, page).merge(0, bits)
    return []
  }

  /** It has this one, too. Gives whether that is new, as far as the number of leaves is known. */
  gained(leaf: number): boolean {
    if (this.#early === null) return this.#leaves.set(leaf)
    earlyPage(this.#early, Math.floor(leaf / PAGE_LEAVES)).set(leaf % PAGE_LEAVES)
    return false
  }

  /** It has not what it was asked for. Gives whether it was thought to have this leaf. */
  lacks(part: Part): boolean {
    if (part.kind === 'leaf') return this.#leaves.clear(part.index)
    this.#lacks.add(numberOf(part))
    return false
  }

  /** A part it lacked it may have by now. */
  mayHaveMore(): void {
    this.#lacks.clear()
  }

  ask(parts: readonly Part[], nowMs: number): void {
    if (this.#asked.size === 0) this.heardAtMs = nowMs
    for (const part of parts) {
      this.#asked.set(numberOf(part), { part, atMs: nowMs, recalledAtMs: null, heir: null })
    }
    this.#send({ type: 'ask', topic: this.topic, parts: parts.map(pairOf) })
  }

  /** Tells whether it has anything that is needed. */
  interest(interested: boolean): void {
    if (this.interested === interested) return
    this.interested = interested
    this.#send({ type: 'interest', topic: this.topic, interested })
  }

  /** Asks for this back: it gives it all the same if that is on its way, or rejects it; then its heir is asked. */
  recall(part: Part, heir: Source | null, nowMs: number): void {
    const ask = this.#asked.get(numberOf(part))
    if (ask === undefined || ask.recalledAtMs !== null) return
    ask.recalledAtMs = nowMs
    ask.heir = heir
    this.#callOff(part)
  }

  /** It need not give this any more. */
  drop(part: Part): void {
    const number = numberOf(part)
    const ask = this.#asked.get(number)
    if (ask === undefined) return
    if (ask.recalledAtMs === null) this.#callOff(part)
    this.#asked.delete(number)
    this.#dropped.set(number, (this.#dropped.get(number) ?? 0) + 1)
  }

  /** Whether it was asked for this and has not answered, though it may be dropped by now. */
  awaits(part: Part): boolean {
    return this.#asked.has(numberOf(part)) || this.#dropped.has(numberOf(part))
  }

  /** It gave this, or says that it does not. Gives the ask that this answers, unless that was dropped. */
  answered(part: Part): Ask | undefined {
    const number = numberOf(part)
    const dropped = this.#dropped.get(number)
    // Earlier asks are answered earlier.
    if (dropped === undefined) {
      const ask = this.#asked.get(number)
      this.#asked.delete(number)
      return ask
    }
    if (dropped === 1) this.#dropped.delete(number)
    else this.#dropped.set(number, dropped - 1)
    return undefined
  }

  /** It answers no more. Gives what it was asked for. */
  void(): Part[] {
    const parts = [...this.#asked.values()].map(({ part }) => part)
    this.#asked.clear()
    this.#dropped.clear()
    return parts
  }

  #callOff(part: Part): void {
    this.#send({ type: 'drop', topic: this.topic, parts: [pairOf(part)] })
  }

  #hasAll(): number[] {
    const fresh: number[] = []
    for (let leaf = 0; leaf < this.#leaves.length; leaf += 1) {
      if (this.#leaves.set(leaf)) fresh.push(leaf)
    }
    return fresh
  }

  #merge(page: number, bits: Uint8Array): number[] {
    return this.#leaves.merge(page * PAGE_LEAVES, bits)
  }
}

function earlyPage(early: Map<number, Bitfield>, page: number): Bitfield {
  const known = early.get(page)
  if (known !== undefined) return known
  const fresh = new Bitfield(PAGE_LEAVES)
  early.set(page, fresh)
  return fresh
}
