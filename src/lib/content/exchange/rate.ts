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
  readonly #waiting: { bytes: number; goes: () => boolean; pass: (gone: boolean) => void }[] = []
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

  /**
   * Resolves when these may go.
   * @param goes whether they still go, asked when it is their turn
   * @returns what `goes` said: what does not go costs nothing
   */
  async pass(bytes: number, goes = () => true): Promise<boolean> {
    if (this.#bytesPerSecond === null) return goes()
    const passed = Promise.withResolvers<boolean>()
    this.#waiting.push({ bytes, goes, pass: passed.resolve })
    this.#letThrough()
    return passed.promise
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
      }
      const { bytes, goes, pass } = this.#waiting.shift()!
      const gone = goes()
      if (rate !== null && gone) {
        const paidMs = Math.max(this.#dueMs, nowMs - BURST_S * 1_000)
        this.#dueMs = paidMs + (bytes * 1_000) / rate
      }
      pass(gone)
    }
  }
}
