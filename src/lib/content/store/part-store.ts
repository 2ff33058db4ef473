import type { Part } from '../parts.ts'

declare const brand: unique symbol

/** Where the parts of one content lie together on this device: 16 random bytes, base64url. It means nothing elsewhere. */
export type Shelf = string & { readonly [brand]: 'Shelf' }

/**
 * The parts of contents that are on this device. Bytes that several contents have in common are kept once.
 *
 * What was put is there after a reload; a power cut may take what was put last, so who needs it to outlive that (what a
 * person sends) calls `flush`. What the disk has changed is as if it were not here.
 */
export interface PartStore {
  /**
   * @param hash SHA-256 of the bytes: what has the same one is the same
   * @param bytes the caller's again once it is put
   * @throws StorageFullError: nothing of it is kept then
   */
  put(shelf: Shelf, part: Part, hash: Uint8Array, bytes: Uint8Array<ArrayBuffer>): Promise<void>
  /** Null when it is not here. The bytes are the caller's own. */
  get(shelf: Shelf, part: Part): Promise<Uint8Array<ArrayBuffer> | null>
  /** Numbers (`numberOf`) of the parts on this shelf, ascending. */
  held(shelf: Shelf): Promise<number[]>
  /** Clears the shelf; what others need of it stays theirs. */
  drop(shelf: Shelf): Promise<void>
  /** Resolves once all that was put before outlives a power cut. */
  flush(): Promise<void>
}
