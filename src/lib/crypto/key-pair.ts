import { x25519 } from '@noble/curves/ed25519.js'
import * as v from 'valibot'
import { bytesSchema } from '../protocol/schemas.ts'
import type { Random } from '../protocol/seams.ts'

/** An X25519 key has 32 bytes (RFC 7748, 5). */
export const KEY_BYTES = 32

/** An X25519 key pair. */
export interface KeyPair {
  secretKey: Uint8Array
  publicKey: Uint8Array
}

export const keyPairSchema = v.strictObject({
  secretKey: bytesSchema(KEY_BYTES, KEY_BYTES),
  publicKey: bytesSchema(KEY_BYTES, KEY_BYTES),
})

export function createKeyPair(random: Pick<Random, 'bytes'>): KeyPair {
  const secretKey = random.bytes(KEY_BYTES)
  return { secretKey, publicKey: x25519.getPublicKey(secretKey) }
}
