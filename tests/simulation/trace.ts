import { createHash } from 'node:crypto'

/** All that happened, in order, as one hash: the same seed has the same. */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #show: ((line: string) => void) | null

  constructor(show: ((line: string) => void) | null) {
    this.#show = show
  }

  add(atMs: number, line: string): void {
    const entry = `${(atMs / 1000).toFixed(3)} ${line}`
    this.#hash.update(`${entry}\n`)
    this.#show?.(entry)
  }

  /** SHA-256 in hex. Nothing is added after this. */
  digest(): string {
    return this.#hash.digest('hex')
  }
}
