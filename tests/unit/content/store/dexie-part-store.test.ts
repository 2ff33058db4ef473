import { Dexie } from 'dexie'
import { expect, test } from 'vitest'
import { AesRowCipher } from '#lib/crypto/aes-row-cipher.ts'
import { sha256 } from '#lib/content/content-id.ts'
import { DexiePartStore } from '#lib/content/store/dexie-part-store.ts'
import { partCipher } from '#lib/content/store/part-cipher.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { complyWithPartStore } from '../../../compliance/part-store.ts'
import { memoryDatabase } from '../../../fixtures/memory-database.ts'
import { newShelf } from '../../../fixtures/memory-part-store.ts'

// Puts an IndexedDB in memory in place.
memoryDatabase()

const KEY = new Uint8Array(32)
let stores = 0

async function openStore(name: string): Promise<DexiePartStore> {
  const cipher = await partCipher(KEY, systemRandom)
  return new DexiePartStore(new AesRowCipher(KEY, systemRandom), cipher, name)
}

async function rowsOf(name: string, table: string): Promise<Record<string, unknown>[]> {
  const raw = new Dexie(name)
  await raw.open()
  const rows = (await raw.table(table).toArray()) as Record<string, unknown>[]
  raw.close()
  return rows
}

complyWithPartStore('in IndexedDB', async () => {
  const name = `parts ${(stores += 1)}`
  let store = await openStore(name)
  return {
    store,
    blocks: async () => (await rowsOf(name, 'blocks')).length,
    async reopen() {
      store.close()
      store = await openStore(name)
      return store
    },
    close() {
      store.close()
      return Promise.resolve()
    },
  }
})

test('what lies in IndexedDB is neither the bytes nor their hash', async () => {
  const name = `parts ${(stores += 1)}`
  const store = await openStore(name)
  const bytes = new TextEncoder().encode('nobody may read this')
  const hash = await sha256(bytes)
  await store.put(newShelf(), { kind: 'leaf', index: 0 }, hash, bytes)
  const [row] = await rowsOf(name, 'blocks')
  const kept = Buffer.concat(Object.values(row!) as Uint8Array[])
  expect(kept.includes(Buffer.from(bytes))).toBe(false)
  expect(kept.includes(Buffer.from(hash.subarray(0, 8)))).toBe(false)
  store.close()
})

test('what the disk has changed is as if it were not there, and can be put again', async () => {
  const name = `parts ${(stores += 1)}`
  const store = await openStore(name)
  const shelf = newShelf()
  const bytes = new Uint8Array(50).fill(1)
  await store.put(shelf, { kind: 'leaf', index: 0 }, await sha256(bytes), bytes)
  const raw = new Dexie(name)
  await raw.open()
  const row = (await raw.table('blocks').toArray())[0] as { sealed: Uint8Array }
  row.sealed[20]! ^= 1
  await raw.table('blocks').put(row)
  raw.close()
  const part = { kind: 'leaf', index: 0 } as const
  expect(await store.get(shelf, part)).toBeNull()
  await store.put(shelf, part, await sha256(bytes), bytes)
  expect(await store.get(shelf, part)).toEqual(bytes)
  store.close()
})
