/**
 * The PQXDH Key Agreement Protocol (https://signal.org/docs/specifications/pqxdh/, revision 3): two people get a
 * common secret from what one of them has published. Names in capitals in comments are the specification's.
 *
 * Its parameters (2.1): curve25519, SHA-512, ML-KEM-768 (FIPS 203), information `Starling…` below. EncodeEC is a
 * byte 05 and the u-coordinate, EncodeKEM a byte 0a and the key, so their ranges are disjoint.
 *
 * One thing is added: the opening names the first side only to the second. Its identity is encrypted under a key from
 * DH3 and SS, which the owner of the prekeys alone can have, as Noise does with static keys (noiseprotocol.org, 7.5:
 * pattern IK). So whoever keeps an opening does not learn who wrote it.
 *
 * Identity keys are Ed25519 keys, mapped to Curve25519 for the exchange (RFC 7748, 4.1). Signing and agreeing with
 * one key is safe together: Thormarker, On using the same key pair for Ed25519 and an X25519 based KEM (2021).
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import type { Random } from '../protocol/seams.ts'
import { CannotOpenError } from './errors.ts'
import { createKeyPair, type KeyPair } from './key-pair.ts'

/** An ML-KEM-768 public key and ciphertext (FIPS 203, table 3), in bytes. */
export const KEM_KEY_BYTES = 1184
export const KEM_CIPHERTEXT_BYTES = 1088

/** An encrypted identity: 32 bytes and a tag. */
export const IDENTITY_BYTES = 48

/** What `ml_kem768.encapsulate` takes its randomness from (FIPS 203, 7.2). */
const KEM_RANDOM_BYTES = 32

/** d and z of FIPS 203, 7.1. */
export const KEM_SEED_BYTES = 64

const AGREED_BYTES = 32
const INFO = utf8ToBytes('Starling_CURVE25519_SHA-512_ML-KEM-768')
const IDENTITY_INFO = utf8ToBytes('Starling opening identity')

/** As long as the hash's output (2.2). */
const NO_SALT = new Uint8Array(64)

/** F: what begins the input, so that it is never a valid curve key (2.2). */
const PREFIX = new Uint8Array(32).fill(0xff)

/** One of the two people: what each knows of oneself. */
export interface Party {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array
  /** X25519 with the identity key. @param theirs a Curve25519 key, 32 bytes @throws when it is of small order */
  agree(theirs: Uint8Array): Uint8Array
}

/** What the second side has published, its signatures verified. */
export interface PublishedKeys {
  /** IKB: Ed25519. */
  identity: Uint8Array
  /** SPKB: X25519. */
  signedPrekey: Uint8Array
  /** PQOPKB or PQSPKB: ML-KEM-768. */
  kemPrekey: Uint8Array
  /** OPKB: X25519; null when none is left. */
  oneTimePrekey: Uint8Array | null
}

/** The secrets of `PublishedKeys`. */
export interface PublishedSecrets {
  signedPrekey: KeyPair
  /** Seed of the ML-KEM-768 key, 64 bytes. */
  kemSeed: Uint8Array
  oneTimePrekey: KeyPair | null
}

/** What the first side sends along so that the second can follow. */
export interface Opening {
  /** EKA: X25519, 32 bytes. */
  ephemeral: Uint8Array
  /** CT: 1088 bytes. */
  kemCiphertext: Uint8Array
  /** IKA, encrypted: 48 bytes. */
  identity: Uint8Array
}

/** SK and AD (3.3). */
export interface Agreement {
  /** 32 bytes. */
  secret: Uint8Array
  /** Authenticated with every message: both identities. */
  associated: Uint8Array
}

/** The first side (3.3). @throws CannotOpenError at keys nobody can have */
export function agreeAsFirst(
  me: Party,
  theirs: PublishedKeys,
  random: Random,
): Agreement & { opening: Opening } {
  const pair = createKeyPair(random)
  const ephemeral = pair.publicKey
  const exchange = (key: Uint8Array): Uint8Array =>
    refuse(() => x25519.getSharedSecret(pair.secretKey, key))
  const { cipherText, sharedSecret } = refuse(() =>
    ml_kem768.encapsulate(theirs.kemPrekey, random.bytes(KEM_RANDOM_BYTES)),
  )
  const kemCiphertext = cipherText
  const withPrekey = exchange(theirs.signedPrekey)
  const identity = identityCipher(withPrekey, sharedSecret, { ephemeral, kemCiphertext })
  const opening = {
    ephemeral,
    kemCiphertext,
    identity: identity.encrypt(me.publicKey),
  }
  const secret = derive([
    refuse(() => me.agree(theirs.signedPrekey)),
    exchange(montgomery(theirs.identity)),
    withPrekey,
    ...(theirs.oneTimePrekey === null ? [] : [exchange(theirs.oneTimePrekey)]),
    sharedSecret,
  ])
  pair.secretKey.fill(0)
  return { secret, associated: associate(me.publicKey, theirs.identity, theirs.kemPrekey), opening }
}

/**
 * The second side (3.4).
 * @returns besides what was agreed on, who the first side is: Ed25519, proven by the first message that opens
 * @throws CannotOpenError when the opening is for other prekeys, or has keys nobody can have
 */
export function agreeAsSecond(
  me: Party,
  secrets: PublishedSecrets,
  opening: Opening,
): Agreement & { first: Uint8Array } {
  const { signedPrekey, kemSeed, oneTimePrekey } = secrets
  const { ephemeral, kemCiphertext } = opening
  const exchange = ({ secretKey }: KeyPair, key: Uint8Array): Uint8Array =>
    refuse(() => x25519.getSharedSecret(secretKey, key))
  const kem = ml_kem768.keygen(kemSeed)
  const sharedSecret = refuse(() => ml_kem768.decapsulate(kemCiphertext, kem.secretKey))
  kem.secretKey.fill(0)
  const withPrekey = exchange(signedPrekey, ephemeral)
  const identity = identityCipher(withPrekey, sharedSecret, opening)
  const first = refuse(() => identity.decrypt(opening.identity))
  const secret = derive([
    exchange(signedPrekey, montgomery(first)),
    refuse(() => me.agree(ephemeral)),
    withPrekey,
    ...(oneTimePrekey === null ? [] : [exchange(oneTimePrekey, ephemeral)]),
    sharedSecret,
  ])
  return { secret, associated: associate(first, me.publicKey, kem.publicKey), first }
}

/** KDF (2.2) over DH1 || DH2 || DH3 || DH4 || SS. Its inputs are spent. */
function derive(inputs: readonly Uint8Array[]): Uint8Array {
  const material = concatBytes(PREFIX, ...inputs)
  const secret = hkdf(sha512, material, NO_SALT, INFO, AGREED_BYTES)
  for (const each of [...inputs, material]) each.fill(0)
  return secret
}

/** AD (3.3): both identities; and the KEM key, so that a ciphertext is for one key alone (4.12). */
function associate(first: Uint8Array, second: Uint8Array, kemKey: Uint8Array): Uint8Array {
  const ec = (key: Uint8Array): Uint8Array => concatBytes(Uint8Array.of(0x05), montgomery(key))
  return concatBytes(ec(first), ec(second), Uint8Array.of(0x0a), kemKey)
}

function montgomery(identity: Uint8Array): Uint8Array {
  return refuse(() => ed25519.utils.toMontgomery(identity))
}

/** Of a key that is used once, so its nonce is all zeros. */
function identityCipher(
  withPrekey: Uint8Array,
  sharedSecret: Uint8Array,
  { ephemeral, kemCiphertext }: Pick<Opening, 'ephemeral' | 'kemCiphertext'>,
): ReturnType<typeof chacha20poly1305> {
  const material = concatBytes(PREFIX, withPrekey, sharedSecret)
  const key = hkdf(sha512, material, NO_SALT, IDENTITY_INFO, 32)
  material.fill(0)
  return chacha20poly1305(key, new Uint8Array(12), concatBytes(ephemeral, kemCiphertext))
}

/**
 * Curve, KEM and cipher throw errors of their own at points of small order or off the curve, at a KEM key that breaks
 * the modulus check (FIPS 203, 7.2), and at a tag that does not fit.
 */
function refuse<T>(operation: () => T): T {
  try {
    return operation()
  } catch (cause) {
    throw new CannotOpenError('keys that nobody can have', { cause })
  }
}
