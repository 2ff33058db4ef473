import { Dexie, type EntityTable } from 'dexie'
import * as v from 'valibot'
import { deviceSealSchema, passphraseSealSchema } from '../../crypto/database-key.ts'
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

/**
 * How often a keyring is copied on and its database deleted until nothing of the one before is left. Chromium's
 * LevelDB keeps what was overwritten or deleted until it merges the files that hold it, and only deleting a database
 * makes it do so, around that database. The third time it has come to the files of the first
 * (tests/e2e/vault-on-disk.spec.ts). Firefox and Safari keep each database in files of its own.
 */
const ROUNDS = 3

/** In databases of rising numbers, of which the last that is complete holds. */
export class DexieKeyringStore implements KeyringStore {
  async load(): Promise<Keyring | null> {
    const numbers = await this.#numbers()
    for (const number of numbers.toReversed()) {
      const row = await inDatabase(number, (keyrings) => keyrings.get('me'))
      if (row === undefined) continue
      for (const each of numbers) if (each !== number) await Dexie.delete(nameOf(each))
      const { seal, lockAfterMinutes } = check(keyringSchema, row)
      return { seal, lockAfterMinutes }
    }
    return null
  }

  async save(keyring: Keyring): Promise<void> {
    for (let round = 0; round < ROUNDS; round += 1) {
      await this.#replace((keyrings) => keyrings.add({ key: 'me', ...keyring }))
    }
  }

  async destroy(): Promise<void> {
    for (let round = 0; round < ROUNDS; round += 1) {
      await this.#replace((keyrings) => keyrings.count())
    }
    for (const number of await this.#numbers()) await Dexie.delete(nameOf(number))
  }

  /** Begins the next database, then deletes those before. */
  async #replace(fill: (keyrings: Keyrings) => PromiseLike<unknown>): Promise<void> {
    const numbers = await this.#numbers()
    await orStorageFull(inDatabase((numbers.at(-1) ?? 0) + 1, fill))
    for (const number of numbers) await Dexie.delete(nameOf(number))
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
