import { live, type LiveOptions } from '../../db/live.ts'
import type { SafekeepingRow, StarlingDatabase } from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'

/** What holds until something was done. */
export const NOTHING_KEPT: SafekeepingRow = {
  key: 'me',
  phraseKeptAtMs: null,
  declinedAtMs: null,
  backup: null,
}

/** Remembers what was done so that nothing is lost. */
export interface SafekeepingStore {
  watch(options?: LiveOptions): AsyncIterable<SafekeepingRow>
  /** @throws StorageFullError */
  change(changes: Partial<SafekeepingRow>): Promise<void>
}

export class DexieSafekeepingStore implements SafekeepingStore {
  readonly #db: StarlingDatabase

  constructor(db: StarlingDatabase) {
    this.#db = db
  }

  watch(options?: LiveOptions): AsyncIterable<SafekeepingRow> {
    return live(() => this.#row(), options)
  }

  change(changes: Partial<SafekeepingRow>): Promise<void> {
    const { safekeeping } = this.#db
    return orStorageFull(
      this.#db.transaction('rw', safekeeping, async () => {
        await safekeeping.put({ ...(await this.#row()), ...changes })
      }),
    )
  }

  async #row(): Promise<SafekeepingRow> {
    return (await this.#db.safekeeping.get('me')) ?? NOTHING_KEPT
  }
}
