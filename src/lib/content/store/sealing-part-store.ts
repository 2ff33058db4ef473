import type { ChunkCipher } from '../chunk-cipher.ts'
import type { Sha256 } from '../content-id.ts'
import type { Part } from '../parts.ts'
import { release } from '../release.ts'
import type { PartStore, Shelf } from './part-store.ts'

export interface SealingComponents {
  store: PartStore
  /** The content's. */
  cipher: ChunkCipher
  sha256: Sha256
}

/**
 * The parts of one private content, kept as chunks and sealed again whenever one is asked for, which gives the same leaf
 * each time. So a file that a person shares twice, under two keys, lies on their device once.
 */
export class SealingPartStore implements PartStore {
  readonly #components: SealingComponents

  constructor(components: SealingComponents) {
    this.#components = components
  }

  /** @throws InvalidDataError for a leaf that was sealed with another key */
  async put(
    shelf: Shelf,
    part: Part,
    hash: Uint8Array,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    const { store, cipher, sha256 } = this.#components
    if (part.kind !== 'leaf') return store.put(shelf, part, hash, bytes)
    const chunk = await cipher.open(part.index, bytes)
    await store.put(shelf, part, await sha256(chunk), chunk)
    if (chunk !== bytes) release(chunk)
  }

  async get(shelf: Shelf, part: Part): Promise<Uint8Array<ArrayBuffer> | null> {
    const { store, cipher } = this.#components
    const bytes = await store.get(shelf, part)
    if (bytes === null || part.kind !== 'leaf') return bytes
    const leaf = await cipher.seal(part.index, bytes)
    if (leaf !== bytes) release(bytes)
    return leaf
  }

  held(shelf: Shelf): Promise<number[]> {
    return this.#components.store.held(shelf)
  }

  drop(shelf: Shelf): Promise<void> {
    return this.#components.store.drop(shelf)
  }

  flush(): Promise<void> {
    return this.#components.store.flush()
  }
}
