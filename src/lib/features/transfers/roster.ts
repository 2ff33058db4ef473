import { StorageFullError } from '../../protocol/errors.ts'
import type { Clock, Logger } from '../../protocol/seams.ts'
import type { PartStore } from '../../content/store/part-store.ts'
import { Turns } from '../../protocol/turns.ts'
import type { TransferId } from './api.ts'
import { UnknownTransferError } from './errors.ts'
import type { TransferRow, TransferStore } from './store.ts'
import { LiveTransfer } from './transfer.ts'

/** Counts are remembered this often, ms: a host that is killed forgets no more of them. */
const COUNT_MS = 5_000

export interface RosterComponents {
  store: TransferStore
  parts: PartStore
  clock: Clock
  log: Logger
}

/** All transfers here, as they stand and as they are remembered. */
export class Roster {
  readonly #components: RosterComponents
  readonly #transfers = new Map<TransferId, LiveTransfer>()
  readonly #listeners = new Set<() => void>()
  /** Rows are written one after the other. */
  readonly #turns = new Turns<TransferId>()
  /** Those whose counts will be remembered. */
  readonly #counted = new Set<LiveTransfer>()
  #cancelCount: (() => void) | null = null
  #loaded: Promise<void> | null = null

  constructor(components: RosterComponents) {
    this.#components = components
  }

  /** All of them, the one that was added first before the others. Empty before `load`. */
  get all(): readonly LiveTransfer[] {
    return [...this.#transfers.values()]
  }

  load(): Promise<void> {
    this.#loaded ??= this.#loadAll()
    return this.#loaded
  }

  /** @throws UnknownTransferError */
  async find(id: TransferId): Promise<LiveTransfer> {
    await this.load()
    const transfer = this.#transfers.get(id)
    if (transfer === undefined) throw new UnknownTransferError('no such transfer')
    return transfer
  }

  /** Whether it was not taken out meanwhile. */
  has(transfer: LiveTransfer): boolean {
    return this.#transfers.get(transfer.row.id) === transfer
  }

  /** @throws StorageFullError; then it is not here. */
  async add(row: TransferRow): Promise<LiveTransfer> {
    const transfer = this.#show(row)
    try {
      await this.#keep(transfer)
    } catch (error) {
      this.#transfers.delete(row.id)
      this.changed()
      throw error
    }
    return transfer
  }

  /** What a person decides. It stands until the host ends even if there is no room to remember it. @throws StorageFullError */
  async change(transfer: LiveTransfer, changes: Partial<TransferRow>): Promise<void> {
    transfer.row = { ...transfer.row, ...changes }
    this.changed()
    await this.#keep(transfer)
  }

  /** What happens by itself: remembered as far as there is room. */
  async note(transfer: LiveTransfer, changes: Partial<TransferRow>): Promise<void> {
    try {
      await this.change(transfer, changes)
    } catch (error) {
      if (!(error instanceof StorageFullError)) throw error
      this.#components.log.warn('no room to remember how a transfer stands')
    }
  }

  /** Like `note`, for what changes many times a second: remembered a little later. */
  count(transfer: LiveTransfer, changes: Partial<TransferRow>): void {
    transfer.row = { ...transfer.row, ...changes }
    this.#counted.add(transfer)
    this.#cancelCount ??= this.#components.clock.after(COUNT_MS, () => {
      this.#cancelCount = null
      void this.#keepCounts()
    })
    this.changed()
  }

  /** Takes it out, and what of it nobody else needs here. */
  async remove(transfer: LiveTransfer): Promise<void> {
    const { id } = transfer.row
    this.#transfers.delete(id)
    await this.#turns.run(id, async () => {
      await this.#components.store.remove(id)
      await this.#components.parts.drop(transfer.shelf)
    })
    this.changed()
  }

  /** Remembers what is still counted. Resolves once all that changed is remembered. */
  async flush(): Promise<void> {
    this.#cancelCount?.()
    this.#cancelCount = null
    await this.#keepCounts()
    await this.#turns.idle()
  }

  /** Calls `listener` at each change. Gives what ends that. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  readonly changed = (): void => {
    for (const listener of this.#listeners) listener()
  }

  #show(row: TransferRow): LiveTransfer {
    const transfer: LiveTransfer = new LiveTransfer(row, this.#components.parts, () => {
      void this.#lost(transfer)
    })
    this.#transfers.set(row.id, transfer)
    this.changed()
    return transfer
  }

  async #loadAll(): Promise<void> {
    const { store, parts } = this.#components
    for (const row of await store.all()) this.#show(row)
    for (const transfer of this.all) {
      const { role, completeAtMs, copyUntilMs, awaited, problem } = transfer.row
      if (role === 'sharing' && completeAtMs === null) {
        // It was read when the host ended, and the files are not at hand any more.
        await this.note(transfer, { problem: problem ?? 'unreadable' })
        await parts.drop(transfer.shelf)
      } else if (completeAtMs === null || copyUntilMs !== null || awaited !== null)
        await transfer.find()
    }
  }

  /** The disk has lost some of it: what I got is got again, what I share can be given no more. */
  async #lost(transfer: LiveTransfer): Promise<void> {
    const { role, completeAtMs } = transfer.row
    if (completeAtMs === null || !this.has(transfer)) return
    this.#components.log.warn('the disk has lost a part of a file')
    await this.note(
      transfer,
      role === 'getting'
        ? { completeAtMs: null }
        : { problem: transfer.row.problem ?? 'unreadable' },
    )
  }

  async #keepCounts(): Promise<void> {
    const counted = [...this.#counted]
    this.#counted.clear()
    for (const transfer of counted) await this.note(transfer, {})
  }

  /** Remembers it as it is by then. */
  async #keep(transfer: LiveTransfer): Promise<void> {
    await this.#turns.run(transfer.row.id, async () => {
      if (this.has(transfer)) await this.#components.store.put(transfer.row)
    })
  }
}
