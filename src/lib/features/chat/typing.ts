import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import { watch } from '../../rpc/watch.ts'

/** While I write they are told this often, in milliseconds: some time before they would take it that I stopped. */
export const TELL_EVERY_MS = 3_000

/** Who said nothing for so long has stopped, in milliseconds: a lost frame does not end it. */
export const SHOWN_FOR_MS = 7_000

/** The least time between two states shown, in milliseconds, however fast a peer says this and that. */
const PACE_MS = 250

export interface TypingComponents {
  clock: Clock
  tell: (peer: PeerIdString, on: boolean) => void
}

/** Who is writing at this moment. Kept nowhere; ends by itself. */
export class Typing {
  readonly #components: TypingComponents
  /** Those who write, with what ends it. */
  readonly #others = new Map<PeerIdString, () => void>()
  /** To whom I write, with when they were told last. */
  readonly #mine = new Map<PeerIdString, number>()
  readonly #watchers = new Set<() => void>()

  constructor(components: TypingComponents) {
    this.#components = components
  }

  /** I write to them, or no longer. */
  tell(peer: PeerIdString, on: boolean): void {
    const { clock, tell } = this.#components
    const toldAtMs = this.#mine.get(peer)
    const nowMs = clock.now()
    if (on) {
      if (toldAtMs !== undefined && Math.abs(nowMs - toldAtMs) < TELL_EVERY_MS) return
      this.#mine.set(peer, nowMs)
    } else if (!this.#mine.delete(peer)) return
    tell(peer, on)
  }

  /** They write to me, or no longer. */
  heard(peer: PeerIdString, on: boolean): void {
    this.#others.get(peer)?.()
    this.#others.delete(peer)
    if (on) {
      const end = this.#components.clock.after(SHOWN_FOR_MS, () => {
        this.heard(peer, false)
      })
      this.#others.set(peer, end)
    }
    for (const again of [...this.#watchers]) again()
  }

  watch(options?: AbortOptions): AsyncIterable<PeerIdString[]> {
    return watch(
      {
        read: () => [...this.#others.keys()],
        changes: (again) => {
          this.#watchers.add(again)
          return () => this.#watchers.delete(again)
        },
        paceMs: PACE_MS,
      },
      this.#components.clock,
      options,
    )
  }

  stop(): void {
    for (const end of this.#others.values()) end()
    this.#others.clear()
    this.#mine.clear()
  }
}
