import { Dexie } from 'dexie'
import { beforeEach, expect, test } from 'vitest'
import { createDatabaseKey, sealForDevice } from '#lib/crypto/database-key.ts'
import { DexieKeyringStore, KEYRING_PREFIX, type Keyring } from '#lib/features/vault/store.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import '../../../fixtures/memory-database.ts'

const store = new DexieKeyringStore()

const keyringNames = async (): Promise<string[]> =>
  (await Dexie.getDatabaseNames()).filter((name) => name.startsWith(KEYRING_PREFIX))

beforeEach(() => store.destroy())

async function keyring(): Promise<Keyring> {
  const seal = await sealForDevice(createDatabaseKey(systemRandom), systemRandom)
  return { seal, lockAfterMinutes: null }
}

/** The database a save cut off by a power cut leaves, with or without its row. */
async function leave(number: number, row?: object): Promise<void> {
  const db = new Dexie(`${KEYRING_PREFIX}${number}`)
  db.version(1).stores({ keyrings: 'key' })
  await db.open()
  if (row !== undefined) await db.table('keyrings').add({ key: 'me', ...row })
  db.close()
}

test('what was saved last is loaded, and nothing of those before is there', async () => {
  expect(await store.load()).toBeNull()
  await store.save(await keyring())
  const last = await keyring()
  await store.save(last)
  expect((await store.load())?.seal.sealed).toEqual(last.seal.sealed)
  expect(await keyringNames()).toHaveLength(1)
})

test('a save cut off before its row was written changed nothing', async () => {
  const before = await keyring()
  await leave(9, before)
  await leave(10)
  expect((await store.load())?.seal.sealed).toEqual(before.seal.sealed)
  expect(await keyringNames()).toEqual([`${KEYRING_PREFIX}9`])
})

test('a save cut off before the one before was deleted holds, and deletes it at the next start', async () => {
  const after = await keyring()
  await leave(9, await keyring())
  await leave(10, after)
  expect((await store.load())?.seal.sealed).toEqual(after.seal.sealed)
  expect(await keyringNames()).toEqual([`${KEYRING_PREFIX}10`])
})

test('a keyring out of shape is refused, and kept', async () => {
  await leave(1, { ...(await keyring()), lockAfterMinutes: -1 })
  await expect(store.load()).rejects.toThrow('Invalid')
  expect(await keyringNames()).toHaveLength(1)
})
