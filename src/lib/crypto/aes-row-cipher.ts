/**
 * How rows are kept: AES-256-GCM (NIST SP 800-38D) with a random nonce before the bytes, and HMAC-SHA-256 (RFC 2104)
 * cut to 16 bytes for what keys and indexes are made of. Both keys come by HKDF (RFC 5869) from that of the database.
 *
 * Random nonces of 96 bits allow 2^32 rows to be written under one key (SP 800-38D, 8.3): a hundred a second for a year.
 */
import { gcm } from '@noble/ciphers/aes.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { RowCipher } from '../db/row-cipher.ts'
import type { Random } from '../protocol/seams.ts'
import { UnreadableRowError } from './errors.ts'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const BLIND_BYTES = 16

const ROWS_INFO = utf8ToBytes('starling database rows')
const BLIND_INFO = utf8ToBytes('starling database keys')

/** Tells a text from bytes that spell it. */
const TEXT = Uint8Array.of(1)
const BYTES = Uint8Array.of(2)

export class AesRowCipher implements RowCipher {
  readonly #random: Random
  /** Null once destroyed. */
  #keys: { rows: Uint8Array; blind: Uint8Array } | null
  /** A MAC that has taken in the place, by place. */
  readonly #places = new Map<string, ReturnType<typeof hmac.create>>()

  /** @param databaseKey 32 bytes; the caller's to forget */
  constructor(databaseKey: Uint8Array, random: Random) {
    this.#random = random
    this.#keys = {
      rows: hkdf(sha256, databaseKey, undefined, ROWS_INFO, KEY_BYTES),
      blind: hkdf(sha256, databaseKey, undefined, BLIND_INFO, KEY_BYTES),
    }
  }

  blind(place: string, value: string | Uint8Array): Uint8Array<ArrayBuffer> {
    const mac = this.#macOf(place).clone()
    if (typeof value === 'string') mac.update(TEXT).update(utf8ToBytes(value))
    else mac.update(BYTES).update(value)
    return mac.digest().slice(0, BLIND_BYTES)
  }

  seal(plain: Uint8Array, context: Uint8Array): Uint8Array<ArrayBuffer> {
    const nonce = this.#random.bytes(NONCE_BYTES)
    return concatBytes(nonce, gcm(this.#held.rows, nonce, context).encrypt(plain))
  }

  open(sealed: Uint8Array, context: Uint8Array): Uint8Array {
    try {
      const nonce = sealed.subarray(0, NONCE_BYTES)
      return gcm(this.#held.rows, nonce, context).decrypt(sealed.subarray(NONCE_BYTES))
    } catch (cause) {
      throw new UnreadableRowError('not sealed with this key, or changed', { cause })
    }
  }

  /** Overwrites the keys. Nothing can be read or written with this any more. */
  destroy(): void {
    for (const mac of this.#places.values()) mac.destroy()
    this.#places.clear()
    this.#keys?.rows.fill(0)
    this.#keys?.blind.fill(0)
    this.#keys = null
  }

  get #held() {
    if (this.#keys === null) throw new UnreadableRowError('the keys are gone')
    return this.#keys
  }

  #macOf(place: string): ReturnType<typeof hmac.create> {
    const known = this.#places.get(place)
    if (known !== undefined) return known
    // The 0 ends the place: no place begins another one.
    const mac = hmac
      .create(sha256, this.#held.blind)
      .update(utf8ToBytes(place))
      .update(Uint8Array.of(0))
    this.#places.set(place, mac)
    return mac
  }
}
