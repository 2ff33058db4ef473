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
  #slept = false
  #cancel: (() => void) | null = null

  constructor(clock: Clock, onSlept: () => void) {
    this.#clock = clock
    this.#onSlept = onSlept
  }

  start(): void {
    this.#awakeAtMs = this.#clock.now()
    this.#slept = false
    this.#tick()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
  }

  /** Whether the device slept since this was asked last. */
  woke(): boolean {
    if (this.#cancel !== null) this.#look()
    const slept = this.#slept
    this.#slept = false
    return slept
  }

  #tick(): void {
    this.#cancel = this.#clock.after(TICK_MS, () => {
      this.#tick()
      if (this.#look()) this.#onSlept()
    })
  }

  /** Whether it has just slept. */
  #look(): boolean {
    const sinceMs = this.#clock.now() - this.#awakeAtMs
    this.#awakeAtMs = this.#clock.now()
    const slept = sinceMs >= SLEPT_MS
    this.#slept ||= slept
    return slept
  }
}
