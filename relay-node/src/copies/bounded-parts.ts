import type { Part } from '#lib/content/parts.ts'
import type { PartStore, Shelf } from '#lib/content/store/part-store.ts'
import { StorageFullError } from '#lib/protocol/errors.ts'

/** Parts in another store, so many bytes of them on each shelf: what a manifest says of its length may be a lie. */
export class BoundedParts implements PartStore {
  readonly #inner: PartStore
  readonly #left = new Map<Shelf, number>()

  constructor(inner: PartStore) {
    this.#inner = inner
  }

  /** So many bytes may be put on this shelf from now on; none by default. */
  allow(shelf: Shelf, bytes: number): void {
    this.#left.set(shelf, bytes)
  }

  async put(
    shelf: Shelf,
    part: Part,
    hash: Uint8Array,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    const left = (this.#left.get(shelf) ?? 0) - bytes.byteLength
    if (left < 0) throw new StorageFullError('more than it was said to be')
    this.#left.set(shelf, left)
    await this.#inner.put(shelf, part, hash, bytes)
  }

  get(shelf: Shelf, part: Part): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#inner.get(shelf, part)
  }

  held(shelf: Shelf): Promise<number[]> {
    return this.#inner.held(shelf)
  }

  async drop(shelf: Shelf): Promise<void> {
    this.#left.delete(shelf)
    await this.#inner.drop(shelf)
  }

  flush(): Promise<void> {
    return this.#inner.flush()
  }
}
