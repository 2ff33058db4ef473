import type { Clock } from '../../protocol/seams.ts'

/** What may go at once after a rest: so much of a second's worth. */
const BURST_S = 0.25

/** How fast parts are taken and given, over all peers. */
export interface Rates {
  readonly down: Rate
  readonly up: Rate
}

/**
 * Lets so many bytes through a second, in the order in which they came: a leaky bucket as a queue, in the form of the
 * virtual scheduling algorithm (ITU-T I.371, 2004, annex A). Without a limit everything passes at once.
 */
export class Rate {
  readonly #clock: Clock
  readonly #waiting: { bytes: number; pass: () => void }[] = []
  #bytesPerSecond: number | null = null
  /** When what passed so far is paid off. */
  #dueMs = 0
  #cancel: (() => void) | null = null

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** From now on, also for what waits. Null: no limit. */
  limit(bytesPerSecond: number | null): void {
    if (bytesPerSecond === this.#bytesPerSecond) return
    this.#bytesPerSecond = bytesPerSecond
    this.#dueMs = this.#clock.now()
    this.#letThrough()
  }

  /** Resolves when these may go. */
  async pass(bytes: number): Promise<void> {
    if (this.#bytesPerSecond === null) return
    const passed = Promise.withResolvers<undefined>()
    this.#waiting.push({
      bytes,
      pass: () => {
        passed.resolve(undefined)
      },
    })
    this.#letThrough()
    await passed.promise
  }

  /** Lets everything through that waits. */
  stop(): void {
    this.limit(null)
  }

  #letThrough(): void {
    this.#cancel?.()
    this.#cancel = null
    const rate = this.#bytesPerSecond
    while (this.#waiting.length > 0) {
      const nowMs = this.#clock.now()
      if (rate !== null) {
        if (this.#dueMs > nowMs) {
          this.#cancel = this.#clock.after(this.#dueMs - nowMs, () => {
            this.#letThrough()
          })
          return
        }
        const paidMs = Math.max(this.#dueMs, nowMs - BURST_S * 1_000)
        this.#dueMs = paidMs + (this.#waiting[0]!.bytes * 1_000) / rate
      }
      this.#waiting.shift()!.pass()
    }
  }
}
