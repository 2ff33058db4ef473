import type { Clock } from '../../protocol/seams.ts'
import type { Mute } from './api.ts'

/** Whether a conversation with this mute is muted now. */
export function isMuted(mute: Mute | null, nowMs: number): boolean {
  return mute !== null && (mute === 'forever' || mute > nowMs)
}

/** Tells when the next of some mutes ends. */
export class MuteEnds {
  readonly #clock: Clock
  readonly #onEnd: () => void
  #next: { atMs: number; cancel: () => void } | null = null

  constructor(clock: Clock, onEnd: () => void) {
    this.#clock = clock
    this.#onEnd = onEnd
  }

  /** These are all mutes there are. */
  expect(mutes: Iterable<Mute | null>): void {
    const nowMs = this.#clock.now()
    const ends = [...mutes].filter((mute) => typeof mute === 'number' && mute > nowMs) as number[]
    const atMs = ends.length === 0 ? null : Math.min(...ends)
    if (atMs === (this.#next?.atMs ?? null)) return
    this.stop()
    if (atMs === null) return
    const cancel = this.#clock.after(atMs - nowMs, () => {
      this.#next = null
      this.#onEnd()
    })
    this.#next = { atMs, cancel }
  }

  stop(): void {
    this.#next?.cancel()
    this.#next = null
  }
}
