import { sha256 as streamedSha256 } from '@noble/hashes/sha2.js'
import type { Signer } from '../protocol/signed.ts'
import { encodeAbout, type About, type FileEntry } from './about.ts'
import type { ChunkCipher } from './chunk-cipher.ts'
import { contentIdOf, HASH_BYTES, type ContentId, type Sha256 } from './content-id.ts'
import { UnreadableFileError } from './errors.ts'
import { chunksOf } from './layout.ts'
import {
  CHUNK_BYTES,
  encodeManifest,
  LIST_HASHES,
  listLength,
  listsOf,
  type Manifest,
} from './manifest.ts'
import { MANIFEST_PART } from './parts.ts'
import { release } from './release.ts'
import type { PartStore, Shelf } from './store/part-store.ts'

/** Chunks read, sealed, hashed and written at once: each of these waits for another part of the machine. */
const CHUNKS_AT_ONCE = 4

/** A file to be taken in. */
export interface IntakeFile extends Omit<FileEntry, 'bytes'> {
  blob: Blob
}

export interface IntakeInit {
  shelf: Shelf
  files: readonly IntakeFile[]
  about: Omit<About, 'files' | 'leavesHash'>
  /** The creator's, where one is named. */
  signer: Signer | null
  /** Seals the chunks of a private content. */
  cipher: ChunkCipher
  sealed: boolean
}

export interface IntakeComponents {
  store: PartStore
  sha256: Sha256
}

/**
 * Makes a content of files: cuts, seals, hashes and keeps them, and gives its id once all of it outlives a power cut.
 * Yields how many bytes of the files are in, from time to time. What was kept when it throws is the caller's to drop.
 * @throws UnreadableFileError, StorageFullError, InvalidDataError, LimitExceededError, or the signal's reason
 */
export async function* takeIn(
  { shelf, files, about, signer, cipher, sealed }: IntakeInit,
  { store, sha256 }: IntakeComponents,
  { signal }: { signal?: AbortSignal } = {},
): AsyncGenerator<number, { content: ContentId; manifest: Manifest }> {
  const hashes = new HashList()
  let bytes = 0

  /** The chunk is used up. */
  async function keep(leaf: number, chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    const sealedChunk = await cipher.seal(leaf, chunk)
    const hash = await sha256(sealedChunk)
    bytes += sealedChunk.byteLength
    hashes.set(leaf, hash)
    await store.put(shelf, { kind: 'leaf', index: leaf }, hash, sealedChunk)
    release(chunk)
    release(sealedChunk)
  }

  async function* keepAll(first: number, blob: Blob): AsyncGenerator<number> {
    const under = new Set<Promise<number>>()
    for (let chunk = 0; chunk < chunksOf(blob.size); chunk += 1) {
      signal?.throwIfAborted()
      const start = chunk * CHUNK_BYTES
      const kept = read(blob, start).then(async (plain) => {
        const { byteLength } = plain
        await keep(first + chunk, plain)
        under.delete(kept)
        return byteLength
      })
      under.add(kept)
      if (under.size >= CHUNKS_AT_ONCE) yield await Promise.race(under)
    }
    for (const each of await Promise.all(under)) yield each
  }

  let leaves = 0
  let taken = 0
  for (const { blob } of files) {
    for await (const more of keepAll(leaves, blob)) yield (taken += more)
    leaves += chunksOf(blob.size)
  }

  const description = await encodeAbout(
    {
      ...about,
      files: files.map(({ path, mediaType, blob }) => ({ path, mediaType, bytes: blob.size })),
      leavesHash: hashes.digest(leaves),
    },
    signer,
  )
  const aboutLeaves = chunksOf(description.byteLength)
  for (let index = 0; index < aboutLeaves; index += 1) {
    await keep(leaves + index, description.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES))
  }
  leaves += aboutLeaves

  const lists = listsOf(leaves)
  const roots = new HashList()
  for (let list = 0; list < lists; list += 1) {
    const listed = hashes.slice(list * LIST_HASHES, listLength(leaves, list))
    const hash = await sha256(listed)
    roots.set(list, hash)
    await store.put(shelf, { kind: 'list', index: list }, hash, listed)
  }
  const manifest: Manifest = {
    version: 1,
    sealed,
    leaves,
    aboutLeaves,
    bytes,
    hashes: lists === 0 ? hashes.slice(0, leaves) : roots.slice(0, lists),
  }
  const encoded = encodeManifest(manifest)
  const hash = await sha256(encoded)
  await store.put(shelf, MANIFEST_PART, hash, encoded)
  await store.flush()
  return { content: contentIdOf(hash), manifest }
}

async function read(blob: Blob, start: number): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await blob.slice(start, start + CHUNK_BYTES).arrayBuffer())
  } catch (cause) {
    throw new UnreadableFileError('the file has changed or gone', { cause })
  }
}

/** Hashes by number, in one run of memory that grows. */
class HashList {
  #bytes = new Uint8Array(HASH_BYTES * 64)

  set(index: number, hash: Uint8Array): void {
    const end = (index + 1) * HASH_BYTES
    if (end > this.#bytes.byteLength) {
      const more = new Uint8Array(Math.max(end, this.#bytes.byteLength * 2))
      more.set(this.#bytes)
      this.#bytes = more
    }
    this.#bytes.set(hash, end - HASH_BYTES)
  }

  slice(first: number, count: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(first * HASH_BYTES, (first + count) * HASH_BYTES)
  }

  /** SHA-256 over the first `count`. */
  digest(count: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(streamedSha256(this.#bytes.subarray(0, count * HASH_BYTES)))
  }
}
