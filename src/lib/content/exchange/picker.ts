import type { Random } from '../../protocol/seams.ts'
import type { Bitfield } from '../bitfield.ts'

/** Not among those that can be picked. */
const NOWHERE = -1

/**
 * Which leaf to ask for next: of those a source has, the one the fewest sources have, and of these any (rarest first,
 * Cohen, “Incentives Build Robustness in BitTorrent”, 2003). So no leaf dies out with the one who has it, and two readers
 * of one source soon have something for each other.
 *
 * Leaves lie in buckets by how many sources have them; each step costs the same for ten leaves and for ten million, but
 * for a source that lacks most of the rare ones.
 */
export class Picker {
  readonly #random: Random
  readonly #sources: Uint16Array
  /** Leaves that can be picked, by how many sources have them. */
  readonly #buckets: number[][] = [[]]
  /** Where each leaf lies in its bucket. */
  readonly #places: Int32Array
  #open = 0

  /** Nothing can be picked before it is put. */
  constructor(leaves: number, random: Random) {
    this.#random = random
    this.#sources = new Uint16Array(leaves)
    this.#places = new Int32Array(leaves).fill(NOWHERE)
  }

  /** How many leaves can be picked. */
  get open(): number {
    return this.#open
  }

  /** This leaf is needed, and nobody is asked for it. */
  put(leaf: number): void {
    if (this.#places[leaf] !== NOWHERE) return
    this.#insert(leaf)
    this.#open += 1
  }

  /** This leaf is here, or somebody is asked for it. */
  take(leaf: number): void {
    if (this.#places[leaf] === NOWHERE) return
    this.#remove(leaf)
    this.#open -= 1
  }

  /** One source more has it. */
  gained(leaf: number): void {
    this.#move(leaf, 1)
  }

  /** One source less. */
  lost(leaf: number): void {
    this.#move(leaf, -1)
  }

  /** How many sources have it. */
  sourcesOf(leaf: number): number {
    return this.#sources[leaf]!
  }

  /** How many sources the rarest leaf has that anybody has; null when there is none. */
  get rarest(): number | null {
    const sources = this.#buckets.findIndex((bucket, at) => at > 0 && bucket.length > 0)
    return sources < 0 ? null : sources
  }

  /** Whether this leaf can be picked. */
  isOpen(leaf: number): boolean {
    return this.#places[leaf] !== NOWHERE
  }

  /** The rarest leaf that is in `has`, taken out; null when there is none. */
  pick(has: Bitfield): number | null {
    // What nobody has is in the first one.
    for (const bucket of this.#buckets.slice(1)) {
      const start = Math.floor(this.#random.fraction() * bucket.length)
      for (let step = 0; step < bucket.length; step += 1) {
        const leaf = bucket[(start + step) % bucket.length]!
        if (!has.has(leaf)) continue
        this.take(leaf)
        return leaf
      }
    }
    return null
  }

  #move(leaf: number, by: 1 | -1): void {
    const open = this.#places[leaf] !== NOWHERE
    if (open) this.#remove(leaf)
    this.#sources[leaf]! += by
    if (open) this.#insert(leaf)
  }

  #insert(leaf: number): void {
    const sources = this.#sources[leaf]!
    while (this.#buckets.length <= sources) this.#buckets.push([])
    this.#places[leaf] = this.#buckets[sources]!.push(leaf) - 1
  }

  #remove(leaf: number): void {
    const bucket = this.#buckets[this.#sources[leaf]!]!
    const place = this.#places[leaf]!
    const last = bucket.pop()!
    if (last !== leaf) {
      bucket[place] = last
      this.#places[last] = place
    }
    this.#places[leaf] = NOWHERE
  }
}
