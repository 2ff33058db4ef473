/**
 * A key encapsulation of hashes in the place of ML-KEM-768: of the same shape and lengths, and just as refusing of what is
 * not its own, but open to everybody who has the public key. The real one is held to its vectors in tests/unit/crypto.
 */
import { concatBytes } from '@noble/hashes/utils.js'
import { hash, stretched } from './hash.ts'

const PUBLIC_KEY_BYTES = 1_184
const SECRET_KEY_BYTES = 2_400
const CIPHERTEXT_BYTES = 1_088

export const ml_kem768 = {
  keygen(seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array } {
    const publicKey = stretched(hash('kem key', seed), PUBLIC_KEY_BYTES)
    const secretKey = new Uint8Array(SECRET_KEY_BYTES)
    secretKey.set(publicKey)
    return { publicKey, secretKey }
  },
  encapsulate(
    publicKey: Uint8Array,
    message: Uint8Array,
  ): { cipherText: Uint8Array; sharedSecret: Uint8Array } {
    return {
      cipherText: stretched(message, CIPHERTEXT_BYTES),
      sharedSecret: hash('kem secret', concatBytes(publicKey, message)),
    }
  },
  decapsulate(cipherText: Uint8Array, secretKey: Uint8Array): Uint8Array {
    const publicKey = secretKey.subarray(0, PUBLIC_KEY_BYTES)
    return hash('kem secret', concatBytes(publicKey, cipherText.subarray(0, 32)))
  },
}
