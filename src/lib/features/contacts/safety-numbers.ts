import { bytesToHex } from '@noble/hashes/utils.js'
import { safetyNumber, type Keys } from './safety.ts'

/** Numbers kept at a time: of all requests, and of the contacts one looks at. */
const MAX_NUMBERS = 1_000

/** My safety numbers with others: kept, because they are slow to make on purpose. */
export class SafetyNumbers {
  readonly #mine: Keys
  /** By peer and key commitment. */
  readonly #known = new Map<string, Uint8Array>()

  constructor(mine: Keys) {
    this.#mine = mine
  }

  with(theirs: Keys): Uint8Array {
    const key = `${theirs.peer} ${bytesToHex(theirs.keyCommitment)}`
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const number = safetyNumber(this.#mine, theirs)
    if (this.#known.size >= MAX_NUMBERS) this.#known.clear()
    this.#known.set(key, number)
    return number
  }
}
