/** Chance of one input, all of it from three things: the seed of the run, the target and the input's number. */
export class Dice {
  #state: number

  constructor(seed: number, name: string, input: number) {
    let hash = 0x811c9dc5 ^ seed
    // FNV-1a (draft-eastlake-fnv): mixes well enough that neighbours have nothing in common after one round.
    for (let at = 0; at < name.length; at += 1) {
      hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193)
    }
    this.#state = Math.imul(hash ^ input, 0x9e3779b1) ^ Math.imul(input / 2 ** 32, 0x85ebca6b)
    this.#next()
  }

  /** A whole number from 0 to `count` − 1. */
  below(count: number): number {
    return Math.floor((this.#next() / 2 ** 32) * count)
  }

  /** True once in `count` times. */
  once(count: number): boolean {
    return this.below(count) === 0
  }

  pick<T>(list: ArrayLike<T>): T {
    return list[this.below(list.length)]!
  }

  /** Long ones are cut out of a longer row of chance: to throw for each of their bytes takes too long. */
  bytes(count: number): Uint8Array<ArrayBuffer> {
    if (count > 64) {
      const from = this.below(256)
      return NOISE.slice(from, from + count)
    }
    const bytes = new Uint8Array(count)
    for (let at = 0; at < count; at += 1) bytes[at] = this.#next()
    return bytes
  }

  /** mulberry32 */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
}

/** Numbers of the linear congruential generator of POSIX's rand, of which the high bits are good enough. */
const NOISE = noise(128 * 1024)

function noise(count: number): Uint8Array<ArrayBuffer> {
  let state = 1
  return Uint8Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return state >>> 24
  })
}
