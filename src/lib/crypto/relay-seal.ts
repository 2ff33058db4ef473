/**
 * Seals a request for a relay, and its answer for who asked: hybrid of X25519 (RFC 7748) and ML-KEM-768 (FIPS 203), so that it stays
 * closed unless both are broken, to whoever stands between them and to whoever keeps it for a quantum computer.
 *
 * A sealed request is the list of an ephemeral X25519 key, a KEM ciphertext and a ciphertext, in canonical DAG-CBOR. HKDF-SHA-512 (RFC 5869) over
 * both shared secrets, with all public values as information, makes two keys of ChaCha20-Poly1305 (RFC 8439): one for the request, one for
 * the answer. Each is used once, so both nonces are zero. The seal says nothing of who made it: what is in it does.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { x25519 } from '@noble/curves/ed25519.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import * as v from 'valibot'
import { MAX_SEALED_ASSIST_BYTES } from '../protocol/assist.ts'
import { codec } from '../protocol/codec.ts'
import type { RelayPrekeys } from '../protocol/relay-prekeys.ts'
import { bytesSchema } from '../protocol/schemas.ts'
import type { Random } from '../protocol/seams.ts'
import { CannotOpenError } from './errors.ts'
import { createKeyPair, KEY_BYTES, type KeyPair } from './key-pair.ts'
import { KEM_CIPHERTEXT_BYTES, KEM_SEED_BYTES } from './pqxdh.ts'

/** What `ml_kem768.encapsulate` takes its randomness from (FIPS 203, 7.2). */
const KEM_RANDOM_BYTES = 32

const INFO = utf8ToBytes('Starling_sealed_assistance_CURVE25519_SHA-512_ML-KEM-768')

const NO_NONCE = new Uint8Array(12)

const sealedCodec = codec(
  v.strictTuple([
    bytesSchema(KEY_BYTES, KEY_BYTES),
    bytesSchema(KEM_CIPHERTEXT_BYTES, KEM_CIPHERTEXT_BYTES),
    bytesSchema(MAX_SEALED_ASSIST_BYTES),
  ]),
  MAX_SEALED_ASSIST_BYTES,
)

/** The public halves. */
export type SealingKeys = Pick<RelayPrekeys, 'prekey' | 'kemPrekey'>

/** The relay's own, with both halves. */
export interface OpeningKeys {
  prekey: KeyPair
  /** Seed of the ML-KEM-768 key, 64 bytes. */
  kemSeed: Uint8Array
}

/** New keys of a relay, and what is published of them. */
export function createOpeningKeys(random: Pick<Random, 'bytes'>): OpeningKeys & {
  published: SealingKeys
} {
  const prekey = createKeyPair(random)
  const kemSeed = random.bytes(KEM_SEED_BYTES)
  const kemPrekey = ml_kem768.keygen(kemSeed).publicKey
  return { prekey, kemSeed, published: { prekey: prekey.publicKey, kemPrekey } }
}

/** @throws CannotOpenError at keys nobody can have */
export function sealForRelay(
  { prekey, kemPrekey }: SealingKeys,
  request: Uint8Array,
  random: Pick<Random, 'bytes'>,
): { sealed: Uint8Array<ArrayBuffer>; openAnswer: (bytes: Uint8Array) => Uint8Array } {
  const mine = createKeyPair(random)
  const { cipherText, sharedSecret } = refuse(() =>
    ml_kem768.encapsulate(kemPrekey, random.bytes(KEM_RANDOM_BYTES)),
  )
  const agreed = refuse(() => x25519.getSharedSecret(mine.secretKey, prekey))
  const keys = derive([agreed, sharedSecret], [prekey, mine.publicKey, cipherText])
  return {
    sealed: sealedCodec.encode([mine.publicKey, cipherText, cipher(keys.request).encrypt(request)]),
    openAnswer: (bytes) => refuse(() => cipher(keys.answer).decrypt(bytes)),
  }
}

/** @throws LimitExceededError, InvalidDataError; CannotOpenError when it was sealed for other keys */
export function openAsRelay(
  { prekey, kemSeed }: OpeningKeys,
  sealed: Uint8Array,
): { request: Uint8Array; sealAnswer: (bytes: Uint8Array) => Uint8Array } {
  const [ephemeral, kemCiphertext, ciphertext] = sealedCodec.decode(sealed)
  const kem = ml_kem768.keygen(kemSeed)
  const sharedSecret = refuse(() => ml_kem768.decapsulate(kemCiphertext, kem.secretKey))
  const agreed = refuse(() => x25519.getSharedSecret(prekey.secretKey, ephemeral))
  const keys = derive([agreed, sharedSecret], [prekey.publicKey, ephemeral, kemCiphertext])
  return {
    request: refuse(() => cipher(keys.request).decrypt(ciphertext)),
    sealAnswer: (bytes) => cipher(keys.answer).encrypt(bytes),
  }
}

function derive(
  secrets: readonly Uint8Array[],
  said: readonly Uint8Array[],
): { request: Uint8Array; answer: Uint8Array } {
  const both = hkdf(sha512, concatBytes(...secrets), undefined, concatBytes(INFO, ...said), 64)
  return { request: both.subarray(0, 32), answer: both.subarray(32) }
}

function cipher(key: Uint8Array): ReturnType<typeof chacha20poly1305> {
  return chacha20poly1305(key, NO_NONCE)
}

/** Curve, KEM and cipher throw errors of their own. */
function refuse<T>(operation: () => T): T {
  try {
    return operation()
  } catch (cause) {
    throw new CannotOpenError('sealed for other keys', { cause })
  }
}
