import type { Clock } from '#lib/protocol/seams.ts'

const MINUTE_MS = 60_000

/** Counts requests of each asker and says when one has had its share of the current minute. */
export class RequestsPerMinute {
  readonly #clock: Pick<Clock, 'now'>
  readonly #max: number
  readonly #counts = new Map<string, number>()
  #minute = 0

  constructor(components: { clock: Pick<Clock, 'now'> }, init: { max: number }) {
    this.#clock = components.clock
    this.#max = init.max
  }

  /** Whether `asker` may make this request. */
  allow(asker: string): boolean {
    const minute = Math.floor(this.#clock.now() / MINUTE_MS)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#counts.clear()
    }
    const count = (this.#counts.get(asker) ?? 0) + 1
    this.#counts.set(asker, count)
    return count <= this.#max
  }
}
