import type { Clock } from '#lib/protocol/seams.ts'

export interface SlowReaderInit {
  /** How long it may take a reader to take half of what waited, ms. */
  timeoutMs: number
  /** It took longer. */
  onSlow: () => void
}

/**
 * Watches the reader of one queue. While the queue is full its writer is held back; once half of what waited is taken it goes on, and
 * who has not taken that in time is too slow.
 */
export class SlowReader {
  readonly #clock: Clock
  readonly #init: SlowReaderInit
  /** The most that has waited since the queue was full. */
  #waitedBytes = 0
  /** Takes back the cut; null while the writer is not held back. */
  #forgive: (() => void) | null = null

  constructor({ clock }: { clock: Clock }, init: SlowReaderInit) {
    this.#clock = clock
    this.#init = init
  }

  /** The queue is full of so many bytes, or there are more of them now: the writer is held back. */
  full(bytes: number): void {
    this.#waitedBytes = Math.max(this.#waitedBytes, bytes)
    this.#forgive ??= this.#clock.after(this.#init.timeoutMs, () => {
      this.stop()
      this.#init.onSlow()
    })
  }

  /** So many bytes are left. Whether that lets a writer that was held back go on. */
  left(bytes: number): boolean {
    if (this.#forgive === null || bytes > this.#waitedBytes / 2) return false
    this.stop()
    return true
  }

  /** Nobody is held back any more. */
  stop(): void {
    this.#forgive?.()
    this.#forgive = null
    this.#waitedBytes = 0
  }
}
