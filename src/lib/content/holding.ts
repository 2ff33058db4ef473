import { sha256 as streamedSha256 } from '@noble/hashes/sha2.js'
import { equalBytes } from '../protocol/codec.ts'
import { StarlingError } from '../protocol/errors.ts'
import { Bitfield } from './bitfield.ts'
import { HASH_BYTES, manifestHashOf, type ContentId, type Sha256 } from './content-id.ts'
import {
  decodeManifest,
  hashAt,
  LIST_HASHES,
  listLength,
  listsOf,
  MAX_LEAF_BYTES,
  MAX_LIST_BYTES,
  MAX_MANIFEST_BYTES,
  type Manifest,
} from './manifest.ts'
import { MANIFEST_PART, type Part } from './parts.ts'
import type { PartStore, Shelf } from './store/part-store.ts'

/** Lists kept in memory: those of 64 GiB. */
const LISTS_IN_MEMORY = 64

export interface HoldingComponents {
  store: PartStore
  sha256: Sha256
  /** The disk has lost a part that was here. */
  lost?: (part: Part) => void
}

/**
 * What became of a part somebody gave. `known`: it was here already; `unasked`: nothing says yet what it should be;
 * `wrong`: whoever gave it gave something else; `damaged`: it is what its hash says, and no part of a content.
 */
export type Taken = 'taken' | 'known' | 'unasked' | 'wrong' | 'damaged'

/**
 * One content on this device: what of it is here, and what each part must hash to. Every part that comes in through
 * `take` is verified before it is kept.
 */
export class Holding {
  readonly content: ContentId
  readonly shelf: Shelf
  readonly #components: HoldingComponents
  readonly #lists = new Map<number, Uint8Array>()
  #manifest: Manifest | null = null
  #leaves = new Bitfield(0)
  #listsHeld = new Bitfield(0)

  private constructor(content: ContentId, shelf: Shelf, components: HoldingComponents) {
    this.content = content
    this.shelf = shelf
    this.#components = components
  }

  /** As it was left. */
  static async open(
    content: ContentId,
    shelf: Shelf,
    components: HoldingComponents,
  ): Promise<Holding> {
    const holding = new Holding(content, shelf, components)
    const manifest = await components.store.get(shelf, MANIFEST_PART)
    if (manifest === null) return holding
    holding.#learn(decodeManifest(manifest))
    for (const number of await components.store.held(shelf)) {
      if (number >= 0) holding.#leaves.set(number)
      else if (number < -1) holding.#listsHeld.set(-2 - number)
    }
    return holding
  }

  /** Null until it has come. */
  get manifest(): Manifest | null {
    return this.#manifest
  }

  /** Of the leaves, which are here; empty while there is no manifest. */
  get leaves(): Bitfield {
    return this.#leaves
  }

  /** Of the lists, which are here. */
  get lists(): Bitfield {
    return this.#listsHeld
  }

  get complete(): boolean {
    return this.#manifest !== null && this.#listsHeld.complete && this.#leaves.complete
  }

  has({ kind, index }: Part): boolean {
    if (kind === 'manifest') return this.#manifest !== null
    const held = kind === 'list' ? this.#listsHeld : this.#leaves
    return index < held.length && held.has(index)
  }

  /** Whether what this part must hash to is known, so that it can be asked for. */
  knows({ kind, index }: Part): boolean {
    if (kind === 'manifest') return true
    if (this.#manifest === null) return false
    if (kind === 'list') return index < this.#listsHeld.length
    if (index >= this.#leaves.length) return false
    return this.#listsHeld.length === 0 || this.#listsHeld.has(Math.floor(index / LIST_HASHES))
  }

  /** Null when it is not here, or the disk has lost it: then it is to be got again. */
  async read(part: Part): Promise<Uint8Array<ArrayBuffer> | null> {
    if (!this.has(part)) return null
    const bytes = await this.#components.store.get(this.shelf, part)
    if (bytes === null && this.has(part)) {
      this.#lose(part)
      this.#components.lost?.(part)
    }
    return bytes
  }

  /** SHA-256 of these bytes. */
  hash(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    return this.#components.sha256(bytes)
  }

  /** SHA-256 over the hashes of the first `count` leaves; null while not all lists are here. */
  async leavesHash(count: number): Promise<Uint8Array | null> {
    const manifest = this.#manifest
    if (manifest === null) return null
    const hash = streamedSha256.create()
    for (let first = 0; first < count; first += LIST_HASHES) {
      const list =
        listsOf(manifest.leaves) === 0 ? manifest.hashes : await this.#list(first / LIST_HASHES)
      if (list === null) return null
      hash.update(list.subarray(0, Math.min(LIST_HASHES, count - first) * HASH_BYTES))
    }
    return hash.digest()
  }

  /** Verifies and keeps what somebody gave. @throws StorageFullError */
  async take(part: Part, bytes: Uint8Array<ArrayBuffer>): Promise<Taken> {
    if (this.has(part)) return 'known'
    const expected = await this.#hashOf(part)
    if (expected === null) return 'unasked'
    if (bytes.byteLength > maxBytesOf(part)) return 'wrong'
    const hash = await this.#components.sha256(bytes)
    if (!equalBytes(hash, expected)) return 'wrong'
    if (!this.#fits(part, bytes)) return 'damaged'
    await this.#components.store.put(this.shelf, part, hash, bytes)
    // Another may have brought it meanwhile.
    if (this.has(part)) return 'known'
    this.#note(part, bytes)
    return 'taken'
  }

  /** Whether what has the right hash is a part of this kind: its maker may have hashed anything. */
  #fits({ kind, index }: Part, bytes: Uint8Array): boolean {
    if (kind === 'leaf') return true
    if (kind === 'list') {
      return bytes.byteLength === HASH_BYTES * listLength(this.#manifest!.leaves, index)
    }
    try {
      decodeManifest(bytes)
      return true
    } catch (error) {
      if (error instanceof StarlingError) return false
      throw error
    }
  }

  #lose({ kind, index }: Part): void {
    if (kind === 'leaf') this.#leaves.clear(index)
    else if (kind === 'list') this.#listsHeld.clear(index)
  }

  #note(part: Part, bytes: Uint8Array): void {
    if (part.kind === 'manifest') this.#learn(decodeManifest(bytes))
    else if (part.kind === 'list') {
      this.#listsHeld.set(part.index)
      this.#remember(part.index, bytes)
    } else this.#leaves.set(part.index)
  }

  #learn(manifest: Manifest): void {
    this.#manifest = manifest
    this.#leaves = new Bitfield(manifest.leaves)
    this.#listsHeld = new Bitfield(listsOf(manifest.leaves))
  }

  /** What a part must hash to; null when that is not known. */
  async #hashOf({ kind, index }: Part): Promise<Uint8Array | null> {
    if (kind === 'manifest') return manifestHashOf(this.content)
    const manifest = this.#manifest
    if (manifest === null || !this.knows({ kind, index })) return null
    if (kind === 'list' || listsOf(manifest.leaves) === 0) return hashAt(manifest.hashes, index)
    const list = await this.#list(Math.floor(index / LIST_HASHES))
    return list === null ? null : hashAt(list, index % LIST_HASHES)
  }

  async #list(index: number): Promise<Uint8Array | null> {
    const known = this.#lists.get(index)
    if (known !== undefined) return known
    const bytes = await this.read({ kind: 'list', index })
    if (bytes === null) return null
    this.#remember(index, bytes)
    return bytes
  }

  #remember(index: number, bytes: Uint8Array): void {
    this.#lists.set(index, bytes)
    // The oldest: a Map keeps the order in which things came.
    if (this.#lists.size > LISTS_IN_MEMORY) this.#lists.delete(this.#lists.keys().next().value!)
  }
}

function maxBytesOf({ kind }: Part): number {
  if (kind === 'manifest') return MAX_MANIFEST_BYTES
  return kind === 'list' ? MAX_LIST_BYTES : MAX_LEAF_BYTES
}
