/** Over how long speed is measured, ms. */
const WINDOW_MS = 2_000

/** Bytes a second over the last seconds. */
export class SpeedMeter {
  #counted: { atMs: number; bytes: number }[] = []

  count(bytes: number, nowMs: number): void {
    this.#counted.push({ atMs: nowMs, bytes })
    this.#forget(nowMs)
  }

  bytesPerSecond(nowMs: number): number {
    this.#forget(nowMs)
    return (this.#counted.reduce((sum, { bytes }) => sum + bytes, 0) * 1_000) / WINDOW_MS
  }

  #forget(nowMs: number): void {
    const first = this.#counted.findIndex(({ atMs }) => atMs > nowMs - WINDOW_MS)
    if (first !== 0) this.#counted.splice(0, first < 0 ? this.#counted.length : first)
  }
}
