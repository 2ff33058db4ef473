import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { sha256 } from '#lib/content/content-id.ts'
import { MANIFEST_PART, type Part } from '#lib/content/parts.ts'
import type { PartStore, Shelf } from '#lib/content/store/part-store.ts'
import { newShelf } from '../fixtures/memory-part-store.ts'

export interface OpenedPartStore {
  store: PartStore
  /** Pieces of bytes that are kept, each once. */
  blocks: () => Promise<number>
  /** The same as after a restart. */
  reopen: () => Promise<PartStore>
  close: () => Promise<void>
}

/** What every store of parts does. */
export function complyWithPartStore(name: string, open: () => Promise<OpenedPartStore>): void {
  describe(`a part store ${name}`, () => {
    let opened: OpenedPartStore
    let store: PartStore
    let shelf: Shelf

    beforeEach(async () => {
      opened = await open()
      store = opened.store
      shelf = newShelf()
    })

    afterEach(() => opened.close())

    const leaf = (index: number): Part => ({ kind: 'leaf', index })
    const bytes = (fill: number, length = 100): Uint8Array<ArrayBuffer> =>
      new Uint8Array(length).fill(fill)

    async function put(on: Shelf, part: Part, each: Uint8Array<ArrayBuffer>): Promise<void> {
      await store.put(on, part, await sha256(each), each)
    }

    test('gives what was put, and nothing else', async () => {
      await put(shelf, leaf(0), bytes(1))
      await put(shelf, MANIFEST_PART, bytes(2))
      await put(shelf, { kind: 'list', index: 0 }, bytes(3))
      expect(await store.get(shelf, leaf(0))).toEqual(bytes(1))
      expect(await store.get(shelf, MANIFEST_PART)).toEqual(bytes(2))
      expect(await store.get(shelf, { kind: 'list', index: 0 })).toEqual(bytes(3))
      expect(await store.get(shelf, leaf(1))).toBeNull()
      expect(await store.get(newShelf(), leaf(0))).toBeNull()
    })

    test('what was put is the caller’s again, and what is got the caller’s own', async () => {
      const given = bytes(1)
      await put(shelf, leaf(0), given)
      given.fill(2)
      const got = await store.get(shelf, leaf(0))
      expect(got).toEqual(bytes(1))
      got!.fill(3)
      expect(await store.get(shelf, leaf(0))).toEqual(bytes(1))
    })

    test('tells what is on a shelf, in order', async () => {
      for (const index of [10, 2, 0]) await put(shelf, leaf(index), bytes(index))
      await put(shelf, { kind: 'list', index: 1 }, bytes(3))
      await put(newShelf(), leaf(5), bytes(5))
      expect(await store.held(shelf)).toEqual([-3, 0, 2, 10])
      expect(await store.held(newShelf())).toEqual([])
    })

    test('has it after a restart', async () => {
      await put(shelf, leaf(3), bytes(7, 262_160))
      await store.flush()
      const again = await opened.reopen()
      expect(await again.get(shelf, leaf(3))).toEqual(bytes(7, 262_160))
      expect(await again.held(shelf)).toEqual([3])
    })

    test('takes the same part again', async () => {
      await put(shelf, leaf(0), bytes(1))
      await put(shelf, leaf(0), bytes(1))
      expect(await store.get(shelf, leaf(0))).toEqual(bytes(1))
      expect(await store.held(shelf)).toEqual([0])
    })

    test('keeps equal bytes once, as long as somebody needs them', async () => {
      const other = newShelf()
      await put(shelf, leaf(0), bytes(1))
      await put(shelf, leaf(1), bytes(2))
      await put(other, leaf(7), bytes(1))
      expect(await opened.blocks()).toBe(2)
      await store.drop(shelf)
      expect(await opened.blocks()).toBe(1)
      expect(await store.held(shelf)).toEqual([])
      expect(await store.get(other, leaf(7))).toEqual(bytes(1))
      await store.drop(other)
      expect(await opened.blocks()).toBe(0)
    })

    test('drops a shelf that is long', async () => {
      const many = Array.from({ length: 300 }, (_, index) => index)
      await Promise.all(many.map((index) => put(shelf, leaf(index), bytes(index & 1))))
      await store.drop(shelf)
      expect(await store.held(shelf)).toEqual([])
      expect(await opened.blocks()).toBe(0)
    })
  })
}
