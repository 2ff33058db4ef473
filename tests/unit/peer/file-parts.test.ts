import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { FilePartStore } from '#peer/store/file-parts.ts'
import { AesRowCipher } from '#lib/crypto/aes-row-cipher.ts'
import { partCipher } from '#lib/content/store/part-cipher.ts'
import type { Shelf } from '#lib/content/store/part-store.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { complyWithPartStore } from '../../compliance/part-store.ts'

const KEY = new Uint8Array(32)

complyWithPartStore('in a folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'starling-parts-'))
  const open = async (): Promise<FilePartStore> => {
    const cipher = await partCipher(KEY, systemRandom)
    return new FilePartStore(folder, new AesRowCipher(KEY, systemRandom), cipher)
  }
  return {
    store: await open(),
    blocks: async () => (await readdir(join(folder, 'blocks'))).length,
    reopen: open,
    close: () => rm(folder, { recursive: true }),
  }
})

test.each([0, 20])('a block of which the disk has changed byte %i is put again', async (at) => {
  const folder = await mkdtemp(join(tmpdir(), 'starling-parts-'))
  const cipher = await partCipher(KEY, systemRandom)
  const store = new FilePartStore(folder, new AesRowCipher(KEY, systemRandom), cipher)
  const [one, two] = ['a'.repeat(22), 'b'.repeat(22)] as [Shelf, Shelf]
  const part = { kind: 'leaf', index: 0 } as const
  const bytes = Uint8Array.of(1, 2, 3)
  const hash = createHash('sha256').update(bytes).digest()
  for (const shelf of [one, two]) await store.put(shelf, part, hash, bytes)

  const [name] = await readdir(join(folder, 'blocks'))
  const block = join(folder, 'blocks', name!)
  const changed = await readFile(block)
  changed[at]! ^= 1
  await writeFile(block, changed)
  expect(await store.get(one, part)).toBeNull()

  await store.put(two, part, hash, bytes)
  for (const shelf of [one, two]) expect(await store.get(shelf, part)).toEqual(bytes)
  for (const shelf of [one, two]) await store.drop(shelf)
  expect(await readdir(join(folder, 'blocks'))).toEqual([])
  await rm(folder, { recursive: true })
})
