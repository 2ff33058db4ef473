import type { Exchange } from '../../content/exchange/exchange.ts'
import type { PartStore } from '../../content/store/part-store.ts'
import type { Room } from './api.ts'
import type { Roster } from './roster.ts'
import type { LiveTransfer } from './transfer.ts'

export interface ShelvesComponents {
  roster: Roster
  exchange: Pick<Exchange, 'refuse'>
  parts: PartStore
}

/** What files take here, and what of it goes when room is needed: first what was used longest ago. */
export class Shelves {
  readonly #components: ShelvesComponents
  #spareLimitBytes: number | null = null

  constructor(components: ShelvesComponents) {
    this.#components = components
  }

  get room(): Room {
    const room: Room = { keptBytes: 0, spareBytes: 0, spareLimitBytes: this.#spareLimitBytes }
    for (const transfer of this.#components.roster.all) {
      room[transfer.spare ? 'spareBytes' : 'keptBytes'] += transfer.verifiedBytes
    }
    return room
  }

  async limit(spareBytes: number | null): Promise<void> {
    this.#spareLimitBytes = spareBytes
    await this.settle()
  }

  /** Takes out what is more than may be spare. */
  async settle(): Promise<void> {
    const limit = this.#spareLimitBytes
    while (limit !== null && this.room.spareBytes > limit) if (!(await this.freeOne())) return
  }

  async freeAll(): Promise<void> {
    while (await this.freeOne());
  }

  /** False when nothing can be spared. */
  async freeOne(): Promise<boolean> {
    const [oldest] = this.#components.roster.all
      .filter(({ spare, readings }) => spare && readings === 0)
      .sort((a, b) => a.row.usedAtMs - b.row.usedAtMs)
    if (oldest === undefined) return false
    await this.#free(oldest)
    return true
  }

  async #free(transfer: LiveTransfer): Promise<void> {
    const { exchange, parts, roster } = this.#components
    transfer.forget()
    // First what says so: parts that go before would be missed.
    await roster.note(transfer, { completeAtMs: null, paused: true, freed: true })
    if (transfer.content !== null) exchange.refuse(transfer.content, 'unknown')
    await parts.drop(transfer.shelf)
  }
}
