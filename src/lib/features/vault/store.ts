import { Dexie, type EntityTable } from 'dexie'
import * as v from 'valibot'
import { deviceSealSchema, passphraseSealSchema } from '../../crypto/database-key.ts'
import { deleteForGood } from '../../db/delete-for-good.ts'
import { orStorageFull } from '../../db/storage-full.ts'
import { check } from '../../protocol/check.ts'

const keyringSchema = v.strictObject({
  key: v.literal('me'),
  seal: v.variant('type', [deviceSealSchema, passphraseSealSchema]),
  lockAfterMinutes: v.nullable(v.picklist([1, 5, 15, 60, 240])),
})

/** The sealed key of the database, and what must be known before that is open. */
export type Keyring = Omit<v.InferOutput<typeof keyringSchema>, 'key'>

/** Keeps the keyring, outside of the database it opens. */
export interface KeyringStore {
  load(): Promise<Keyring | null>
  /** Durable once it resolves; then nothing of the one before is left on the disk. @throws StorageFullError */
  save(keyring: Keyring): Promise<void>
  /** Deletes it: nothing opens the database any more. */
  destroy(): Promise<void>
}

/** Before the number of the database that holds the keyring. */
export const KEYRING_PREFIX = 'starling-keys-'

/** In databases of rising numbers, of which the last that is complete holds. */
export class DexieKeyringStore implements KeyringStore {
  async load(): Promise<Keyring | null> {
    const numbers = await this.#numbers()
    for (const number of numbers.toReversed()) {
      const row = await inDatabase(number, (keyrings) => keyrings.get('me'))
      if (row === undefined) continue
      const others = numbers.filter((each) => each !== number)
      if (others.length > 0) await deleteForGood(others.map(nameOf))
      const { seal, lockAfterMinutes } = check(keyringSchema, row)
      return { seal, lockAfterMinutes }
    }
    return null
  }

  async save(keyring: Keyring): Promise<void> {
    const numbers = await this.#numbers()
    const next = (numbers.at(-1) ?? 0) + 1
    await orStorageFull(inDatabase(next, (keyrings) => keyrings.add({ key: 'me', ...keyring })))
    if (numbers.length > 0) await deleteForGood(numbers.map(nameOf))
  }

  async destroy(): Promise<void> {
    await deleteForGood((await this.#numbers()).map(nameOf))
  }

  async #numbers(): Promise<number[]> {
    const names = await Dexie.getDatabaseNames()
    return names
      .filter((name) => name.startsWith(KEYRING_PREFIX))
      .map((name) => Number(name.slice(KEYRING_PREFIX.length)))
      .sort((a, b) => a - b)
  }
}

type Keyrings = EntityTable<v.InferOutput<typeof keyringSchema>, 'key'>

const nameOf = (number: number): string => `${KEYRING_PREFIX}${number}`

async function inDatabase<T>(
  number: number,
  work: (keyrings: Keyrings) => PromiseLike<T>,
): Promise<T> {
  const db = new Dexie(nameOf(number), { chromeTransactionDurability: 'strict' })
  db.version(1).stores({ keyrings: 'key' })
  try {
    return await work(db.table('keyrings'))
  } finally {
    db.close()
  }
}
