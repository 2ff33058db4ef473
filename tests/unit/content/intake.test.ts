import { describe, expect, test } from 'vitest'
import type { About } from '#lib/content/about.ts'
import { chunkCipher, newContentKey, openChunks } from '#lib/content/chunk-cipher.ts'
import { sha256 } from '#lib/content/content-id.ts'
import { UnreadableFileError } from '#lib/content/errors.ts'
import { Holding } from '#lib/content/holding.ts'
import { takeIn, type IntakeFile } from '#lib/content/intake.ts'
import { CHUNK_BYTES, SEAL_BYTES } from '#lib/content/manifest.ts'
import { OpenedContent } from '#lib/content/opened-content.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import { MemoryPartStore, newShelf } from '../../fixtures/memory-part-store.ts'

const about: Omit<About, 'files' | 'leavesHash'> = {
  name: 'holiday',
  description: 'from the sea',
  createdAtMs: 1,
  expiresAtMs: null,
  creator: null,
}

function bytesOf(count: number, seed = 1): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: count }, (_, at) => (at * 31 + seed * 7 + (at >> 8)) & 0xff)
}

function file(path: string, bytes: Uint8Array<ArrayBuffer>): IntakeFile {
  return { path, mediaType: 'image/jpeg', blob: new Blob([bytes]) }
}

async function takeInAll(files: IntakeFile[], { sealed = true } = {}) {
  const store = new MemoryPartStore()
  const shelf = newShelf()
  const key = newContentKey(systemRandom)
  const cipher = sealed ? await chunkCipher(key) : openChunks
  const progress: number[] = []
  const steps = takeIn({ shelf, files, about, signer: null, cipher, sealed }, { store, sha256 })
  for (;;) {
    const step = await steps.next()
    if (step.done === true) {
      const holding = await Holding.open(step.value.content, shelf, { store, sha256 })
      return { ...step.value, store, shelf, key, cipher, holding, progress }
    }
    progress.push(step.value)
  }
}

async function readAll(content: OpenedContent, index: number): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = []
  for await (const chunk of content.read(index)) chunks.push(chunk)
  return new Uint8Array(await new Blob(chunks).arrayBuffer())
}

describe.each([true, false])('what is taken in, sealed: %s,', (sealed) => {
  test('is read again as it was, whatever the sizes', async () => {
    const sizes = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 5]
    const contents = sizes.map((size, at) => bytesOf(size, at))
    const taken = await takeInAll(
      contents.map((bytes, at) => file(`day ${at}/beach.jpg`, bytes)),
      { sealed },
    )
    expect(taken.holding.complete).toBe(true)
    const content = await OpenedContent.open(taken.holding, taken.cipher)
    expect(content.about).toMatchObject(about)
    expect(content.about.files.map(({ bytes }) => bytes)).toEqual(sizes)
    for (const [at, bytes] of contents.entries()) expect(await readAll(content, at)).toEqual(bytes)
    expect(taken.progress.at(-1)).toBe(sizes.reduce((sum, size) => sum + size, 0))
  })
})

test('leaves of a private content are as long as chunks and their seals, and no plain chunk', async () => {
  const bytes = bytesOf(CHUNK_BYTES)
  const { store, shelf, manifest } = await takeInAll([file('a', bytes)])
  const leaf = await store.get(shelf, { kind: 'leaf', index: 0 })
  expect(leaf).toHaveLength(CHUNK_BYTES + SEAL_BYTES)
  expect(leaf!.subarray(0, CHUNK_BYTES)).not.toEqual(bytes)
  expect(manifest.leaves).toBe(2)
})

test('the same key makes the same leaves, another one others', async () => {
  const key = newContentKey(systemRandom)
  const chunk = bytesOf(100)
  const [one, same, other] = await Promise.all(
    [key, key, newContentKey(systemRandom)].map(async (each) =>
      (await chunkCipher(each)).seal(3, chunk),
    ),
  )
  expect(same).toEqual(one)
  expect(other).not.toEqual(one)
  expect(await (await chunkCipher(key)).seal(4, chunk)).not.toEqual(one)
})

test('another key does not open it', async () => {
  const { holding } = await takeInAll([file('a', bytesOf(10))])
  const wrong = await chunkCipher(newContentKey(systemRandom))
  await expect(OpenedContent.open(holding, wrong)).rejects.toThrow(InvalidDataError)
})

test('a file that cannot be read any more is said to be so', async () => {
  const gone = new Blob([bytesOf(10)])
  gone.slice = () =>
    ({
      arrayBuffer: () => Promise.reject(new DOMException('gone', 'NotReadableError')),
    }) as unknown as Blob
  await expect(takeInAll([{ path: 'a', mediaType: '', blob: gone }])).rejects.toThrow(
    UnreadableFileError,
  )
})
