import { StorageFullError } from '../../protocol/errors.ts'
import type { Part } from '../parts.ts'
import type { PartStore, Shelf } from './part-store.ts'

/** A part store that makes room before it says that there is none. */
export class EvictingPartStore implements PartStore {
  readonly #store: PartStore
  readonly #evict: () => Promise<boolean>
  #evicting: Promise<boolean> | null = null

  /** @param evict takes out what can be spared; false when there is nothing */
  constructor(store: PartStore, evict: () => Promise<boolean>) {
    this.#store = store
    this.#evict = evict
  }

  async put(
    shelf: Shelf,
    part: Part,
    hash: Uint8Array,
    bytes: Uint8Array<ArrayBuffer>,
  ): Promise<void> {
    for (;;) {
      try {
        await this.#store.put(shelf, part, hash, bytes)
        return
      } catch (error) {
        if (!(error instanceof StorageFullError) || !(await this.#makeRoom())) throw error
      }
    }
  }

  get(shelf: Shelf, part: Part): Promise<Uint8Array<ArrayBuffer> | null> {
    return this.#store.get(shelf, part)
  }

  held(shelf: Shelf): Promise<number[]> {
    return this.#store.held(shelf)
  }

  drop(shelf: Shelf): Promise<void> {
    return this.#store.drop(shelf)
  }

  flush(): Promise<void> {
    return this.#store.flush()
  }

  /** Parts that find no room at the same time share what goes. */
  async #makeRoom(): Promise<boolean> {
    this.#evicting ??= this.#evict().finally(() => {
      this.#evicting = null
    })
    return this.#evicting
  }
}
