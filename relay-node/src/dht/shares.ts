import { MAX_DHT_RECORDS_PER_PEER } from '../limits.ts'

/** Steps in which used shares are told apart: one for each record of an ordinary peer. */
const STEPS = MAX_DHT_RECORDS_PER_PEER

interface Share {
  /** Names of records; the one longest not put first. */
  names: Set<string>
  /** How much of the share is used, from 0 to `STEPS`. */
  step: number
}

/**
 * Whose the records are, and who has used most of what it may. Compared is what part of its own share each has used, so
 * that a relay with its thousand clients does not lose to a stranger who has put all it can.
 */
export class Shares {
  readonly #maxOf: (owner: string) => number
  readonly #shares = new Map<string, Share>()
  /** Owners by `Share.step`: the greediest is found without looking at all of them. */
  readonly #owners = Array.from({ length: STEPS + 1 }, () => new Set<string>())

  #size = 0

  /** `maxOf` says how many records an owner may have. */
  constructor(maxOf: (owner: string) => number) {
    this.#maxOf = maxOf
  }

  /** Records of all owners. */
  get size(): number {
    return this.#size
  }

  /** Records of this owner. */
  count(owner: string): number {
    return this.#shares.get(owner)?.names.size ?? 0
  }

  /** Adds a record, or notes that it was put again. */
  add(owner: string, name: string): void {
    const share = this.#shares.get(owner) ?? { names: new Set(), step: 0 }
    this.#shares.set(owner, share)
    if (!share.names.delete(name)) this.#size += 1
    share.names.add(name)
    this.#rank(owner, share)
  }

  remove(owner: string, name: string): void {
    const share = this.#shares.get(owner)
    if (share === undefined) return
    if (share.names.delete(name)) this.#size -= 1
    this.#rank(owner, share)
  }

  /** The oldest record of one of those who have used most of their share. */
  first(): string | undefined {
    for (const owners of this.#owners.toReversed()) {
      const [owner] = owners
      const [name] = owner === undefined ? [] : (this.#shares.get(owner)?.names ?? [])
      if (name !== undefined) return name
    }
    return undefined
  }

  #rank(owner: string, share: Share): void {
    const { size } = share.names
    const step = Math.min(STEPS, Math.ceil((size / this.#maxOf(owner)) * STEPS))
    if (step !== share.step) {
      this.#owners[share.step]?.delete(owner)
      this.#owners[step]?.add(owner)
      share.step = step
    }
    if (size > 0) return
    this.#owners[step]?.delete(owner)
    this.#shares.delete(owner)
  }
}
