import type { Clock } from '#lib/protocol/seams.ts'

export interface RateLimitInit {
  /** Requests, or what else is counted, of one asker in one window. */
  max: number
  windowMs: number
  /** Askers that are counted in one window; others have no share. Any number by default. */
  maxAskers?: number
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
    const { max, maxAskers = Infinity } = this.#init
    const before = this.#counts.get(asker)
    if (before === undefined && this.#counts.size >= maxAskers) return false
    const count = (before ?? 0) + amount
    this.#counts.set(asker, count)
    return count <= max
  }
}
