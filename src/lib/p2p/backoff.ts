import type { Random } from '../protocol/seams.ts'

export interface BackoffInit {
  /** Upper end of the first delay. */
  firstMs: number
  /** Upper end of every later delay. */
  maxMs: number
}

/**
 * Delays between attempts with full jitter: each uniform between nothing and an end that doubles. So many
 * clients that lost one relay do not come back at once.
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export class Backoff {
  readonly #random: Random
  readonly #init: BackoffInit
  #attempts = 0

  constructor(random: Random, init: BackoffInit) {
    this.#random = random
    this.#init = init
  }

  /** Attempts since the last success. */
  get attempts(): number {
    return this.#attempts
  }

  /** How long to wait now, in ms. */
  next(): number {
    // 2 ** 30 seconds is past every maximum; the exponent stays finite however long a peer is away.
    const end = Math.min(this.#init.maxMs, this.#init.firstMs * 2 ** Math.min(this.#attempts, 30))
    this.#attempts += 1
    return this.#random.fraction() * end
  }

  reset(): void {
    this.#attempts = 0
  }
}
