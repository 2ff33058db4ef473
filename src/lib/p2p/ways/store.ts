import type { NetworkRow, StarlingDatabase } from '../../db/schema.ts'

/** The networks this device was on. */
export interface NetworkStore {
  all(): Promise<NetworkRow[]>
  put(row: NetworkRow): Promise<void>
  delete(id: string): Promise<void>
}

/** The `networks` table. */
export class DexieNetworkStore implements NetworkStore {
  readonly #db: Pick<StarlingDatabase, 'networks'>

  constructor(db: Pick<StarlingDatabase, 'networks'>) {
    this.#db = db
  }

  all(): Promise<NetworkRow[]> {
    return this.#db.networks.toArray()
  }

  async put(row: NetworkRow): Promise<void> {
    await this.#db.networks.put(row)
  }

  delete(id: string): Promise<void> {
    return this.#db.networks.delete(id)
  }
}
