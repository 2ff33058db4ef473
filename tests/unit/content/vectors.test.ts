/** Contents of before are still read, and made the same: whoever has a link can still open what it leads to. */
import { expect, test } from 'vitest'
import { decodeAbout, encodeAbout, type About } from '#lib/content/about.ts'
import { chunkCipher } from '#lib/content/chunk-cipher.ts'
import { contentIdOf, sha256 } from '#lib/content/content-id.ts'
import { FOLDER_TYPE, isFolder } from '#lib/content/folders.ts'
import { Holding } from '#lib/content/holding.ts'
import { takeIn } from '#lib/content/intake.ts'
import { decodeManifest, encodeManifest } from '#lib/content/manifest.ts'
import { OpenedContent } from '#lib/content/opened-content.ts'
import { MANIFEST_PART } from '#lib/content/parts.ts'
import { MemoryPartStore, newShelf } from '../../fixtures/memory-part-store.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { frozenBytes } from '../../fixtures/vectors.ts'

const vectors = frozenBytes('content-1')
const anna = await signerOf(1)

const about: About = {
  name: 'holiday',
  description: 'from the sea',
  createdAtMs: Date.UTC(2026, 0, 1),
  expiresAtMs: null,
  creator: { peer: anna.peer, name: 'Anna' },
  files: [{ path: 'holiday/notes.txt', mediaType: 'text/plain', bytes: 4 }],
  leavesHash: new Uint8Array(32).fill(3),
}

test('a description', async () => {
  expect(await decodeAbout(vectors['about']!)).toEqual(about)
  expect(await encodeAbout(about, anna)).toEqual(vectors['about'])
})

test('an empty folder is an entry of the form that files have', async () => {
  const folder = { path: 'holiday/later', mediaType: FOLDER_TYPE, bytes: 0 }
  const withFolder = { ...about, files: [...about.files, folder] }
  expect(withFolder.files.map(isFolder)).toEqual([false, true])
  expect(await decodeAbout(vectors['aboutWithFolder']!)).toEqual(withFolder)
  expect(await encodeAbout(withFolder, anna)).toEqual(vectors['aboutWithFolder'])
})

test('a whole content, from its files to its id and back', async () => {
  const [store, shelf] = [new MemoryPartStore(), newShelf()]
  const cipher = await chunkCipher(vectors['key']!)
  const { path, mediaType } = about.files[0]!
  const steps = takeIn(
    {
      shelf,
      files: [{ path, mediaType, blob: new Blob(['warm']) }],
      about,
      signer: anna,
      cipher,
      sealed: true,
    },
    { store, sha256 },
  )
  let step = await steps.next()
  while (step.done !== true) step = await steps.next()
  const { content, manifest } = step.value
  expect(content).toBe(contentIdOf(await sha256(vectors['manifest']!)))
  expect(encodeManifest(manifest)).toEqual(vectors['manifest'])
  expect(decodeManifest(vectors['manifest']!)).toEqual(manifest)
  expect(await store.get(shelf, { kind: 'leaf', index: 0 })).toEqual(vectors['leaf'])
  expect(await store.get(shelf, MANIFEST_PART)).toEqual(vectors['manifest'])
  const holding = await Holding.open(content, shelf, { store, sha256 })
  const opened = await OpenedContent.open(holding, cipher)
  const chunks: Uint8Array<ArrayBuffer>[] = []
  for await (const chunk of opened.read(0)) chunks.push(chunk)
  expect(await new Blob(chunks).text()).toBe('warm')
})
