/**
 * Makes rows unreadable. Each call answers at once: a transaction of IndexedDB ends while anything but IndexedDB is
 * waited for, so Web Crypto, which only answers later, cannot be used here.
 */
export interface RowCipher {
  /**
   * What stands for a text or bytes in keys and indexes: the same for the same value in the same place, and telling
   * nothing else about it.
   *
   * @param place table and property
   */
  blind(place: string, value: string | Uint8Array): Uint8Array<ArrayBuffer>
  /** @param context goes with the bytes unencrypted; they open only with the same */
  seal(plain: Uint8Array, context: Uint8Array): Uint8Array<ArrayBuffer>
  /** @throws UnreadableRowError when the bytes were not sealed with this key and context */
  open(sealed: Uint8Array, context: Uint8Array): Uint8Array
}
