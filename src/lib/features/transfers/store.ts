import type { StarlingDatabase, TransferRow } from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'

export type { TransferRow } from '../../db/schema.ts'

/** Remembers transfers. */
export interface TransferStore {
  all(): Promise<TransferRow[]>
  /** @throws StorageFullError */
  put(row: TransferRow): Promise<void>
  remove(id: string): Promise<void>
}

export class DexieTransferStore implements TransferStore {
  readonly #db: StarlingDatabase

  constructor(db: StarlingDatabase) {
    this.#db = db
  }

  all(): Promise<TransferRow[]> {
    return this.#db.transfers.toArray()
  }

  async put(row: TransferRow): Promise<void> {
    await orStorageFull(this.#db.transfers.put(row))
  }

  async remove(id: string): Promise<void> {
    await this.#db.transfers.delete(id)
  }
}
