import type { RelayRow, StarlingDatabase } from '../../db/schema.ts'

/** The relays of this browser. */
export interface RelayStore {
  all(): Promise<RelayRow[]>
  put(row: RelayRow): Promise<void>
  delete(address: string): Promise<void>
}

/** The `relays` table. */
export class DexieRelayStore implements RelayStore {
  readonly #db: Pick<StarlingDatabase, 'relays'>

  constructor(db: Pick<StarlingDatabase, 'relays'>) {
    this.#db = db
  }

  all(): Promise<RelayRow[]> {
    return this.#db.relays.toArray()
  }

  async put(row: RelayRow): Promise<void> {
    await this.#db.relays.put(row)
  }

  delete(address: string): Promise<void> {
    return this.#db.relays.delete(address)
  }
}
