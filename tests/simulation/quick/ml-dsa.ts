/**
 * Signatures of hashes in the place of ML-DSA-65: of the same shape and lengths, and valid for one key and message
 * alone, but to be made by everybody who has the public key. The real one is held to its vectors in tests/unit/crypto.
 */
import { concatBytes } from '@noble/hashes/utils.js'
import { hash, stretched } from './hash.ts'

const PUBLIC_KEY_BYTES = 1_952
const SECRET_KEY_BYTES = 4_032
const SIGNATURE_BYTES = 3_309

export const ml_dsa65 = {
  keygen(seed: Uint8Array): { publicKey: Uint8Array; secretKey: Uint8Array } {
    const publicKey = stretched(hash('dsa key', seed), PUBLIC_KEY_BYTES)
    const secretKey = new Uint8Array(SECRET_KEY_BYTES)
    secretKey.set(publicKey)
    return { publicKey, secretKey }
  },
  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
    return signature(message, secretKey.subarray(0, PUBLIC_KEY_BYTES))
  },
  verify(signed: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
    return Buffer.compare(signed, signature(message, publicKey)) === 0
  },
}

function signature(message: Uint8Array, publicKey: Uint8Array): Uint8Array {
  return stretched(hash('dsa signature', concatBytes(publicKey, message)), SIGNATURE_BYTES)
}
