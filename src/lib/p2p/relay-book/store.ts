import type { Table } from 'dexie'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { RelaySource } from '../api.ts'

/** A relay as it is kept. */
export interface RelayRow {
  /** The address it was added by; the key. */
  address: string
  /** Who answered there last. */
  peer: PeerIdString | null
  source: RelaySource
  latencyMs: number | null
  lastConnectedAtMs: number | null
  addedAtMs: number
  /** The person took it out: it does not come back by itself. */
  removed: boolean
}

/** The relays of this browser. */
export interface RelayStore {
  all(): Promise<RelayRow[]>
  put(row: RelayRow): Promise<void>
  delete(address: string): Promise<void>
}

/** The `relays` table. */
export class DexieRelayStore implements RelayStore {
  readonly #table: Table<RelayRow, string>

  constructor(table: Table<RelayRow, string>) {
    this.#table = table
  }

  all(): Promise<RelayRow[]> {
    return this.#table.toArray()
  }

  async put(row: RelayRow): Promise<void> {
    await this.#table.put(row)
  }

  delete(address: string): Promise<void> {
    return this.#table.delete(address)
  }
}
