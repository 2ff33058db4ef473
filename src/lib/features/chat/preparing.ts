import type { Clock } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import { watch } from '../../rpc/watch.ts'

/** The least time between two states, in ms. */
const PACE_MS = 200

/** How far files are that are taken in for messages, each by the intent it is sent with. */
export class Preparing {
  readonly #clock: Clock
  readonly #bytes = new Map<string, number>()
  readonly #listeners = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** So many bytes of it are taken in; null: it is taken in no more. */
  note(intent: string, bytes: number | null): void {
    if (bytes === null) this.#bytes.delete(intent)
    else this.#bytes.set(intent, bytes)
    for (const listener of this.#listeners) listener()
  }

  /** In bytes; 0 of what is not taken in now. */
  watch(intent: string, options?: AbortOptions): AsyncIterable<number> {
    return watch(
      {
        read: () => this.#bytes.get(intent) ?? 0,
        changes: (again) => {
          this.#listeners.add(again)
          return () => {
            this.#listeners.delete(again)
          }
        },
        paceMs: PACE_MS,
      },
      this.#clock,
      options,
    )
  }
}
