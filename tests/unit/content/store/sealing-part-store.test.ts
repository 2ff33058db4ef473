import { expect, test } from 'vitest'
import { chunkCipher, newContentKey, openChunks } from '#lib/content/chunk-cipher.ts'
import { sha256 } from '#lib/content/content-id.ts'
import { MANIFEST_PART, type Part } from '#lib/content/parts.ts'
import { SealingPartStore } from '#lib/content/store/sealing-part-store.ts'
import type { Shelf } from '#lib/content/store/part-store.ts'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { complyWithPartStore } from '../../../compliance/part-store.ts'
import { MemoryPartStore, newShelf } from '../../../fixtures/memory-part-store.ts'

const leaf = (index: number): Part => ({ kind: 'leaf', index })
const chunk = new TextEncoder().encode('the same file')

complyWithPartStore('that keeps chunks as they are', () => {
  const memory = new MemoryPartStore()
  const store = new SealingPartStore({ store: memory, cipher: openChunks, sha256 })
  return Promise.resolve({
    store,
    blocks: () => Promise.resolve(memory.blocks),
    reopen: () => Promise.resolve(store),
    close: () => Promise.resolve(),
  })
})

/** A content of its own, with this chunk as its first leaf. */
async function share(memory: MemoryPartStore, shelf: Shelf) {
  const cipher = await chunkCipher(newContentKey(systemRandom))
  const store = new SealingPartStore({ store: memory, cipher, sha256 })
  const sealed = await cipher.seal(0, chunk)
  await store.put(shelf, leaf(0), await sha256(sealed), sealed)
  return { store, sealed }
}

test('the same file under two keys is kept once, and each gives its own leaf', async () => {
  const memory = new MemoryPartStore()
  const [first, second] = [newShelf(), newShelf()]
  const one = await share(memory, first)
  const two = await share(memory, second)
  expect(memory.blocks).toBe(1)
  expect(await one.store.get(first, leaf(0))).toEqual(one.sealed)
  expect(await two.store.get(second, leaf(0))).toEqual(two.sealed)
  expect(one.sealed).not.toEqual(two.sealed)
  await one.store.drop(first)
  expect(await two.store.get(second, leaf(0))).toEqual(two.sealed)
})

test('what tells of a content is kept as it travels', async () => {
  const memory = new MemoryPartStore()
  const shelf = newShelf()
  const { store } = await share(memory, shelf)
  await store.put(shelf, MANIFEST_PART, await sha256(chunk), chunk)
  expect(await store.get(shelf, MANIFEST_PART)).toEqual(chunk)
  expect(await memory.get(shelf, MANIFEST_PART)).toEqual(chunk)
})

test('a leaf of another key is not kept', async () => {
  const memory = new MemoryPartStore()
  const shelf = newShelf()
  const { store } = await share(memory, shelf)
  const { sealed } = await share(memory, newShelf())
  const put = store.put(shelf, leaf(1), await sha256(sealed), sealed)
  await expect(put).rejects.toThrow(InvalidDataError)
  expect(await store.held(shelf)).toEqual([0])
})
