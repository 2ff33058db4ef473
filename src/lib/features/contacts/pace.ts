import type { Clock } from '../../protocol/seams.ts'

/** At most so many of something within any minute. */
export class Pace {
  readonly #clock: Clock
  readonly #perMinute: number
  /** Times of what was taken within the last minute, oldest first. */
  #takenAtMs: number[] = []

  constructor(clock: Clock, perMinute: number) {
    this.#clock = clock
    this.#perMinute = perMinute
  }

  /** Whether one more may be; if so, it counts. */
  take(): boolean {
    const nowMs = this.#clock.now()
    this.#takenAtMs = this.#takenAtMs.filter((atMs) => nowMs - atMs < 60_000)
    if (this.#takenAtMs.length >= this.#perMinute) return false
    this.#takenAtMs.push(nowMs)
    return true
  }
}
