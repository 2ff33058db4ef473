/** How long one bar of the chart stands for. */
export const STEP_MS = 2_000

/** Bars: two minutes. */
const STEPS = 60

/** How much came and went lately, step by step. */
export class Traffic {
  /** By number of the step since the epoch. */
  readonly #steps = new Map<number, { down: number; up: number }>()

  count(way: 'down' | 'up', bytes: number, nowMs: number): void {
    const step = Math.floor(nowMs / STEP_MS)
    const counted = this.#steps.get(step) ?? { down: 0, up: 0 }
    counted[way] += bytes
    this.#steps.set(step, counted)
    if (this.#steps.size > STEPS) this.#steps.delete(this.#steps.keys().next().value!)
  }

  /** Bytes a second in each step, the oldest first and the one that is under way left out. */
  speeds(nowMs: number): { down: number[]; up: number[] } {
    const now = Math.floor(nowMs / STEP_MS)
    const steps = Array.from({ length: STEPS }, (_, at) => this.#steps.get(now - STEPS + at))
    const speed = (bytes = 0) => (bytes * 1_000) / STEP_MS
    return {
      down: steps.map((step) => speed(step?.down)),
      up: steps.map((step) => speed(step?.up)),
    }
  }
}
