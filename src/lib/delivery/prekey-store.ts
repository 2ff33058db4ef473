import { NO_PREKEYS, prekeysCodec, spend, type Prekeys } from '../crypto/prekeys.ts'
import type { PrekeysRow, StarlingDatabase } from '../db/schema.ts'
import { orStorageFull } from '../db/storage-full.ts'

/** Remembers my prekeys. */
export interface PrekeyStore {
  prekeys(): Promise<Prekeys>
  /** Reads, changes and stores them in one transaction. @throws StorageFullError */
  change<T extends { prekeys: Prekeys }>(change: (before: Prekeys) => T): Promise<T>
}

export class DexiePrekeyStore implements PrekeyStore {
  readonly #db: Pick<StarlingDatabase, 'prekeys' | 'transaction'>

  constructor(db: Pick<StarlingDatabase, 'prekeys' | 'transaction'>) {
    this.#db = db
  }

  async prekeys(): Promise<Prekeys> {
    return decode(await this.#db.prekeys.get('me'))
  }

  change<T extends { prekeys: Prekeys }>(change: (before: Prekeys) => T): Promise<T> {
    const { prekeys } = this.#db
    return orStorageFull(
      this.#db.transaction('rw', prekeys, async () => {
        const changed = change(decode(await prekeys.get('me')))
        await prekeys.put(encode(changed.prekeys))
        return changed
      }),
    )
  }
}

/** In a transaction that writes `prekeys`: this one-time prekey is used up. */
export async function spendPrekey(
  { prekeys }: Pick<StarlingDatabase, 'prekeys'>,
  oneTime: number,
): Promise<void> {
  await prekeys.put(encode(spend(decode(await prekeys.get('me')), oneTime)))
}

function decode(row: PrekeysRow | undefined): Prekeys {
  return row === undefined ? NO_PREKEYS : prekeysCodec.decode(row.prekeys)
}

function encode(prekeys: Prekeys): PrekeysRow {
  return { key: 'me', prekeys: prekeysCodec.encode(prekeys) }
}
