import type { Clock } from '../protocol/seams.ts'

/** How often somebody who is awake says so, ms. */
export const TICK_MS = 5_000

/** Nobody who is awake is silent for so long, however busy, ms. */
export const SLEPT_MS = 15_000

/**
 * Notices that the device slept: the clock has gone on, and nothing here has.
 *
 * Browsers tell of a page that was frozen, not of a lid that was closed over one. The clock of timers may stand still meanwhile,
 * so it takes up to `TICK_MS` from the waking; whoever wakes it by another sign finds out at once.
 */
export class Sleep {
  readonly #clock: Clock
  readonly #onSlept: () => void
  #awakeAtMs = 0
  #cancel: (() => void) | null = null

  constructor(clock: Clock, onSlept: () => void) {
    this.#clock = clock
    this.#onSlept = onSlept
  }

  start(): void {
    this.#awakeAtMs = this.#clock.now()
    this.#tick()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
  }

  /** Whether the device slept since somebody was awake here; it is known then. */
  slept(): boolean {
    if (this.#cancel === null) return false
    const sinceMs = this.#clock.now() - this.#awakeAtMs
    this.#awakeAtMs = this.#clock.now()
    return sinceMs >= SLEPT_MS
  }

  #tick(): void {
    this.#cancel = this.#clock.after(TICK_MS, () => {
      const slept = this.slept()
      this.#tick()
      if (slept) this.#onSlept()
    })
  }
}
