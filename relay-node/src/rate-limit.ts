import type { Clock } from '#lib/protocol/seams.ts'

export interface RateLimitInit {
  /** Requests, or what else is counted, of one asker in one window. */
  max: number
  windowMs: number
}

/** Counts requests of each asker and says when one has had its share of the current window. */
export class RateLimit {
  readonly #clock: Pick<Clock, 'now'>
  readonly #init: RateLimitInit
  readonly #counts = new Map<string, number>()
  #window = 0

  constructor(components: { clock: Pick<Clock, 'now'> }, init: RateLimitInit) {
    this.#clock = components.clock
    this.#init = init
  }

  /** Whether `asker` may make this request, which takes `amount` of the share. */
  allow(asker: string, amount = 1): boolean {
    const window = Math.floor(this.#clock.now() / this.#init.windowMs)
    if (window !== this.#window) {
      this.#window = window
      this.#counts.clear()
    }
    const count = (this.#counts.get(asker) ?? 0) + amount
    this.#counts.set(asker, count)
    return count <= this.#init.max
  }
}
