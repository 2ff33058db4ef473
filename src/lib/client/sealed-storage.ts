import { gcm } from '@noble/ciphers/aes.js'
import { bytesToHex, hexToBytes } from '@noble/ciphers/utils.js'
import * as v from 'valibot'
import { check } from '../protocol/check.ts'
import type { Random } from '../protocol/seams.ts'

/** Where everything left is, as one item: how many there are, and of whom, cannot be seen either. */
const ITEM = 'starling.parting'

const NONCE_BYTES = 12

const leftSchema = v.record(v.string(), v.string())

/**
 * Like `localStorage`, which outlives a page that goes at once, but what is in it can be read only with the key: hex of
 * a random nonce and AES-256-GCM (NIST SP 800-38D). Web Crypto would answer too late.
 */
export class SealedStorage implements Pick<Storage, 'getItem' | 'setItem' | 'removeItem'> {
  readonly #storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>
  readonly #key: Uint8Array
  readonly #random: Random

  /** @param key 32 bytes, which only an open vault gives */
  constructor(
    storage: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>,
    key: Uint8Array,
    random: Random,
  ) {
    this.#storage = storage
    this.#key = key
    this.#random = random
  }

  getItem(name: string): string | null {
    return this.#left().get(name) ?? null
  }

  setItem(name: string, value: string): void {
    this.#leave(this.#left().set(name, value))
  }

  removeItem(name: string): void {
    const left = this.#left()
    if (left.delete(name)) this.#leave(left)
  }

  #left(): Map<string, string> {
    const item = this.#storage.getItem(ITEM)
    if (item === null) return new Map()
    try {
      const bytes = hexToBytes(item)
      const cipher = gcm(this.#key, bytes.subarray(0, NONCE_BYTES))
      const opened = new TextDecoder().decode(cipher.decrypt(bytes.subarray(NONCE_BYTES)))
      return new Map(Object.entries(check(leftSchema, JSON.parse(opened))))
    } catch {
      // Of a key that is no more: nobody will ever read it.
      this.#storage.removeItem(ITEM)
      return new Map()
    }
  }

  #leave(left: Map<string, string>): void {
    if (left.size === 0) {
      this.#storage.removeItem(ITEM)
      return
    }
    const plain = new TextEncoder().encode(JSON.stringify(Object.fromEntries(left)))
    const nonce = this.#random.bytes(NONCE_BYTES)
    const sealed = gcm(this.#key, nonce).encrypt(plain)
    this.#storage.setItem(ITEM, bytesToHex(nonce) + bytesToHex(sealed))
  }
}
