/**
 * How parts are kept on this device: AES-256-GCM (NIST SP 800-38D) by Web Crypto, with a random nonce before the bytes,
 * under a key that comes by HKDF (RFC 5869) from the key of the database. Rows of the database are sealed in the same
 * way by code that answers at once (crypto/aes-row-cipher.ts), which is twenty times slower: parts are long.
 *
 * Random nonces of 96 bits allow 2^32 parts to be written under one key (SP 800-38D, 8.3): 1 PiB.
 */
import { UnreadableRowError } from '../../crypto/errors.ts'
import type { Random } from '../../protocol/seams.ts'
import { release } from '../release.ts'

const NONCE_BYTES = 12
const PARTS_INFO = new TextEncoder().encode('starling content parts')

export interface PartCipher {
  /** @param context goes with the bytes unencrypted; they open only with the same */
  seal(
    bytes: Uint8Array<ArrayBuffer>,
    context: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>>
  /** @throws UnreadableRowError when the bytes were not sealed with this key and context */
  open(
    sealed: Uint8Array<ArrayBuffer>,
    context: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer>>
}

/** @param databaseKey 32 bytes; the caller's to forget */
export async function partCipher(
  databaseKey: Uint8Array<ArrayBuffer>,
  random: Random,
): Promise<PartCipher> {
  const { subtle } = crypto
  const root = await subtle.importKey('raw', databaseKey, 'HKDF', false, ['deriveKey'])
  const key = await subtle.deriveKey(
    { name: 'HKDF', hash: 'SHA-256', salt: new Uint8Array(0), info: PARTS_INFO },
    root,
    { name: 'AES-GCM', length: 256 },
    false,
    ['encrypt', 'decrypt'],
  )
  return {
    async seal(bytes, additionalData) {
      const iv = random.bytes(NONCE_BYTES)
      const algorithm = { name: 'AES-GCM', iv, additionalData }
      const sealed = new Uint8Array(await subtle.encrypt(algorithm, key, bytes))
      const whole = new Uint8Array(NONCE_BYTES + sealed.byteLength)
      whole.set(iv)
      whole.set(sealed, NONCE_BYTES)
      release(sealed)
      return whole
    },
    async open(sealed, additionalData) {
      try {
        const algorithm = { name: 'AES-GCM', iv: sealed.subarray(0, NONCE_BYTES), additionalData }
        return new Uint8Array(await subtle.decrypt(algorithm, key, sealed.subarray(NONCE_BYTES)))
      } catch (cause) {
        throw new UnreadableRowError('not sealed with this key, or changed', { cause })
      }
    },
  }
}
