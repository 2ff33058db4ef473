import type { Getting } from './getting.ts'
import type { Roster } from './roster.ts'
import type { LiveTransfer } from './transfer.ts'

/** Transfers that come at once: more would each take longer. */
export const MAX_AT_ONCE = 3

export interface QueueComponents {
  roster: Roster
  getting: Getting
}

/**
 * What is got now, and what waits for its turn. What nobody can be found for holds up nothing behind it. Before it waits,
 * something says what it is: a person puts in order what they can tell apart.
 */
export class Queue {
  readonly #components: QueueComponents
  #deafen: (() => void) | null = null
  #settling = false

  constructor(components: QueueComponents) {
    this.#components = components
  }

  start(): void {
    this.#deafen ??= this.#components.roster.listen(() => {
      this.#settle()
    })
    this.#settle()
  }

  stop(): void {
    this.#deafen?.()
    this.#deafen = null
  }

  /** What is to be got, in its order. */
  get #waiting(): LiveTransfer[] {
    return this.#components.roster.all
      .filter(({ wanted }) => wanted)
      .sort((a, b) => a.row.rank - b.row.rank)
  }

  /** It changes places with its neighbour in the order. */
  async move(transfer: LiveTransfer, to: 'sooner' | 'later'): Promise<void> {
    const waiting = this.#waiting
    const at = waiting.indexOf(transfer)
    const other = waiting[to === 'sooner' ? at - 1 : at + 1]
    if (at < 0 || other === undefined) return
    const { rank } = transfer.row
    const { roster } = this.#components
    await roster.change(transfer, { rank: other.row.rank })
    await roster.change(other, { rank })
  }

  /** Begins those whose turn it is, and halts the others. */
  #settle(): void {
    // To begin and to halt are changes, too.
    if (this.#settling) return
    this.#settling = true
    let coming = 0
    for (const transfer of this.#waiting) {
      const hasTurn = coming < MAX_AT_ONCE
      transfer.queued = !hasTurn && transfer.opened !== null
      if (transfer.queued) this.#components.getting.halt(transfer)
      else this.#components.getting.begin(transfer)
      if (hasTurn && (transfer.download?.sources.size ?? 0) > 0) coming += 1
    }
    this.#settling = false
  }
}
