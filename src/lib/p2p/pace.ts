/** Bytes are counted for at least so long before they make a rate, in ms: longer than a buffer takes to fill. */
export const WINDOW_MS = 2_000

/** What carries less, in bytes/s, says nothing of how much it could: a voice, a picture now and then. */
export const MIN_BYTES_PER_SECOND = 32 * 1_024

/**
 * How fast bytes come by for a while, by what comes by alone: nothing runs while nothing does.
 */
export class Pace {
  #fromMs = -Infinity
  #bytes = 0
  #lastRate = 0

  /**
   * @returns bytes/s that two windows in a row kept up, at the end of the second and each one after it; null otherwise. The first
   * by itself may be what a buffer took at once.
   */
  add(byteLength: number, nowMs: number): number | null {
    const elapsedMs = nowMs - this.#fromMs
    if (elapsedMs >= 0 && elapsedMs < WINDOW_MS) {
      this.#bytes += byteLength
      return null
    }
    // After a pause, or when the clock was set, what was before is not in a row with what comes.
    const isInARow = elapsedMs >= 0 && elapsedMs < 2 * WINDOW_MS
    const rate = isInARow ? (this.#bytes * 1_000) / elapsedMs : 0
    const kept = Math.min(rate, this.#lastRate)
    this.#fromMs = nowMs
    this.#bytes = byteLength
    this.#lastRate = rate
    return kept < MIN_BYTES_PER_SECOND ? null : kept
  }
}
