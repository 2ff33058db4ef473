import type { SourceRow, SourceStore } from '../../content/exchange/reputation.ts'
import type { StarlingDatabase, TotalsRow, TransferRow } from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'
import type { PeerIdString } from '../../protocol/ids.ts'

export type { TransferRow } from '../../db/schema.ts'

/** Remembers transfers. */
export interface TransferStore {
  all(): Promise<TransferRow[]>
  /** @throws StorageFullError */
  put(row: TransferRow): Promise<void>
  remove(id: string): Promise<void>
}

/** Remembers what came and went each day. */
export interface TotalsStore {
  all(): Promise<TotalsRow[]>
  /** @throws StorageFullError */
  put(rows: TotalsRow[]): Promise<void>
  delete(day: string): Promise<void>
}

/** What rows of before there was such a thing have. */
function whatCameLater({ addedAtMs }: TransferRow): Partial<TransferRow> {
  return {
    plain: false,
    kept: false,
    savedAtMs: null,
    usedAtMs: addedAtMs,
    freed: false,
    agreed: true,
    passOn: null,
    servedTo: [],
    copyUntilMs: null,
    awaited: null,
    rank: addedAtMs,
  }
}

/** The `sources` table. */
export class DexieSourceStore implements SourceStore {
  readonly #db: Pick<StarlingDatabase, 'sources'>

  constructor(db: Pick<StarlingDatabase, 'sources'>) {
    this.#db = db
  }

  async all(): Promise<SourceRow[]> {
    return (await this.#db.sources.toArray()) as SourceRow[]
  }

  async put(row: SourceRow): Promise<void> {
    await this.#db.sources.put(row)
  }

  async delete(peer: PeerIdString): Promise<void> {
    await this.#db.sources.delete(peer)
  }
}

/** The `totals` table. */
export class DexieTotalsStore implements TotalsStore {
  readonly #db: Pick<StarlingDatabase, 'totals'>

  constructor(db: Pick<StarlingDatabase, 'totals'>) {
    this.#db = db
  }

  async all(): Promise<TotalsRow[]> {
    return this.#db.totals.toArray()
  }

  async put(rows: TotalsRow[]): Promise<void> {
    await orStorageFull(this.#db.totals.bulkPut(rows))
  }

  async delete(day: string): Promise<void> {
    await this.#db.totals.delete(day)
  }
}

export class DexieTransferStore implements TransferStore {
  readonly #db: StarlingDatabase

  constructor(db: StarlingDatabase) {
    this.#db = db
  }

  async all(): Promise<TransferRow[]> {
    const rows = await this.#db.transfers.toArray()
    return rows.map((row) => ({ ...whatCameLater(row), ...row }))
  }

  async put(row: TransferRow): Promise<void> {
    await orStorageFull(this.#db.transfers.put(row))
  }

  async remove(id: string): Promise<void> {
    await this.#db.transfers.delete(id)
  }
}
