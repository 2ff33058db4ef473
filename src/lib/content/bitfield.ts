/** Which leaves of a content somebody has: a bit each, in the order of the leaves, the first in the highest bit. */
export class Bitfield {
  readonly length: number
  readonly #bytes: Uint8Array<ArrayBuffer>
  #count = 0

  constructor(length: number) {
    this.length = length
    this.#bytes = new Uint8Array(Math.ceil(length / 8))
  }

  /** How many are set. */
  get count(): number {
    return this.#count
  }

  get complete(): boolean {
    return this.#count === this.length
  }

  has(index: number): boolean {
    return (this.#bytes[index >> 3]! & (0x80 >> (index & 7))) !== 0
  }

  /** Whether it was not set before. */
  set(index: number): boolean {
    if (index < 0 || index >= this.length || this.has(index)) return false
    this.#bytes[index >> 3]! |= 0x80 >> (index & 7)
    this.#count += 1
    return true
  }

  /** Whether it was set before. */
  clear(index: number): boolean {
    if (index < 0 || index >= this.length || !this.has(index)) return false
    this.#bytes[index >> 3]! &= ~(0x80 >> (index & 7))
    this.#count -= 1
    return true
  }

  /** The bits of `count` leaves from `first` on, which is a multiple of 8; those behind the last are 0. */
  slice(first: number, count: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(first >> 3, (first + count + 7) >> 3)
  }

  /** Sets what is set in `bits`, which begin at `first`, a multiple of 8. Gives what was not set before. */
  merge(first: number, bits: Uint8Array): number[] {
    const fresh: number[] = []
    for (let at = 0; at < bits.byteLength; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const index = first + at * 8 + bit
        if ((bits[at]! & (0x80 >> bit)) !== 0 && this.set(index)) fresh.push(index)
      }
    }
    return fresh
  }

  /** How many of these are set. */
  countIn(first: number, count: number): number {
    let found = 0
    for (let index = first; index < first + count; index += 1) if (this.has(index)) found += 1
    return found
  }
}
