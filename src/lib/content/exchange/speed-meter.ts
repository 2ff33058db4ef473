/** Over how long speed is measured, unless said otherwise, ms. */
const WINDOW_MS = 2_000

/** Bytes a second over the last seconds. */
export class SpeedMeter {
  readonly #windowMs: number
  #counted: { atMs: number; bytes: number }[] = []
  /** Since when there was always something to be counted. */
  #sinceMs = 0

  /** @param windowMs over how long: the longer, the steadier is what comes a little at a time */
  constructor(windowMs = WINDOW_MS) {
    this.#windowMs = windowMs
  }

  count(bytes: number, nowMs: number): void {
    this.#forget(nowMs)
    if (this.#counted.length === 0) this.#sinceMs = nowMs
    this.#counted.push({ atMs: nowMs, bytes })
  }

  bytesPerSecond(nowMs: number): number {
    this.#forget(nowMs)
    // What has just begun is not held against a time in which it was not.
    const overMs = Math.min(this.#windowMs, Math.max(WINDOW_MS, nowMs - this.#sinceMs))
    return (this.#counted.reduce((sum, { bytes }) => sum + bytes, 0) * 1_000) / overMs
  }

  #forget(nowMs: number): void {
    const first = this.#counted.findIndex(({ atMs }) => atMs > nowMs - this.#windowMs)
    if (first !== 0) this.#counted.splice(0, first < 0 ? this.#counted.length : first)
  }
}
