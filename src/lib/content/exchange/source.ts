import { Bitfield } from '../bitfield.ts'
import { numberOf, type Part } from '../parts.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import { Pipeline } from './pipeline.ts'
import { PAGE_LEAVES, type BlocksMessage } from './protocol.ts'

/** Parts asked of one source ahead, at most: 16 MiB. */
export const MAX_AHEAD = 64

/** A part one source was asked for. */
export interface Ask {
  part: Part
  atMs: number
  /** Asks of one source are numbered: it gives in that order. */
  number: number
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
  /** When it last gave something, or was asked while it owed nothing. */
  heardAtMs = 0
  /** It was asked and gave nothing for long: it is asked for one part at a time until it gives again. */
  slow = false
  /** Taken from it and right. */
  bytes = 0
  readonly #connections: () => number
  readonly #send: (message: BlocksMessage) => void
  readonly #asked = new Map<number, Ask>()
  #asks = 0
  /** What it was asked for and need not give any more, with the number of that ask: it may be under way. */
  readonly #dropped = new Map<number, number>()
  readonly #lacks = new Set<number>()
  /** What it told before the number of leaves was known. */
  #early: { page: number; bits: Uint8Array }[] | null = []
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
    const early = this.#early ?? []
    this.#early = null
    return this.#all ? this.#hasAll() : early.flatMap(({ page, bits }) => this.#merge(page, bits))
  }

  /** It has these: gives those that are new. */
  has(page: number | null, bits: Uint8Array): number[] {
    if (page === null) {
      this.#all = true
      return this.#early === null ? this.#hasAll() : []
    }
    if (this.#early === null) return this.#merge(page, bits)
    // Pages may be told again; the last word counts, and there are no more than pages.
    this.#early = [...this.#early.filter((each) => each.page !== page), { page, bits }]
    return []
  }

  gained(leaf: number): boolean {
    return this.#leaves.set(leaf)
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
      this.#asks += 1
      this.#asked.set(numberOf(part), { part, atMs: nowMs, number: this.#asks })
    }
    this.#send({ type: 'ask', topic: this.topic, parts: parts.map(pairOf) })
  }

  /** Tells whether it has anything that is needed. */
  interest(interested: boolean): void {
    if (this.interested === interested) return
    this.interested = interested
    this.#send({ type: 'interest', topic: this.topic, interested })
  }

  /** It need not give this any more. */
  drop(part: Part): void {
    const ask = this.#asked.get(numberOf(part))
    if (ask === undefined) return
    this.#asked.delete(numberOf(part))
    this.#dropped.set(numberOf(part), ask.number)
    this.#send({ type: 'drop', topic: this.topic, parts: [pairOf(part)] })
  }

  /** It gave this, or says that it has it not. */
  answered(part: Part): Ask | undefined {
    const ask = this.#asked.get(numberOf(part))
    this.#asked.delete(numberOf(part))
    this.#dropped.delete(numberOf(part))
    // What was asked for earlier and dropped is not under way, then.
    for (const [dropped, number] of this.#dropped) {
      if (ask !== undefined && number < ask.number) this.#dropped.delete(dropped)
    }
    return ask
  }

  /**
   * Nothing it was asked for is expected any more. Gives what that was. It is told so: an ask that crossed its word that it
   * gives nothing may reach it when it gives again.
   */
  void(): Part[] {
    const parts = [...this.#asked.values()].map(({ part }) => part)
    this.#asked.clear()
    this.#dropped.clear()
    if (parts.length > 0) this.#send({ type: 'drop', topic: this.topic, parts: parts.map(pairOf) })
    return parts
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

function pairOf({ kind, index }: Part): [Part['kind'], number] {
  return [kind, index]
}
