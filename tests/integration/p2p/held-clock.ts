import { type Clock, systemClock } from '../../../src/lib/protocol/seams.ts'
import { until } from './person.ts'

/** The platform's clock, but what waits for as long as one of these waits for the test. */
export class HeldClock implements Clock {
  readonly #delaysMs: readonly number[]
  readonly #held = new Map<() => void, number>()
  readonly #came = new EventTarget()

  constructor(...delaysMs: number[]) {
    this.#delaysMs = delaysMs
  }

  now(): number {
    return systemClock.now()
  }

  after(delayMs: number, call: () => void): () => void {
    if (!this.#delaysMs.includes(delayMs)) return systemClock.after(delayMs, call)
    const held = (): void => {
      call()
    }
    this.#held.set(held, delayMs)
    this.#came.dispatchEvent(new Event('came'))
    return () => this.#held.delete(held)
  }

  /** Resolves when something waits for so long. */
  waits(delayMs: number): Promise<void> {
    return until(this.#came, 'came', () => [...this.#held.values()].includes(delayMs))
  }

  /** What waits for so long, once anything does, is called. */
  async pass(delayMs: number): Promise<void> {
    await this.waits(delayMs)
    for (const [call, heldMs] of [...this.#held]) {
      if (heldMs !== delayMs) continue
      this.#held.delete(call)
      call()
    }
  }
}
