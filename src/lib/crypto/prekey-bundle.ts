/**
 * What somebody publishes so that others can write first (PQXDH 3.2): the list of version, Ed25519 key, ML-DSA-65
 * key, signed prekey, KEM prekey of last resort, hashes of the one-time prekeys, second of expiry; in canonical
 * DAG-CBOR, signed with both keys (RFC 8032; FIPS 204) over `starling-prekeys-1 || 00 || body`.
 *
 * One-time prekeys travel apart, one to each who asks; SHA-256 in the signed list vouches for each, its ML-KEM key
 * included.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js'
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import * as v from 'valibot'
import { codec, equalBytes } from '../protocol/codec.ts'
import { InvalidDataError, InvalidSignatureError } from '../protocol/errors.ts'
import { peerIdOf, PUBLIC_KEY_BYTES, publicKeyOf, type PeerIdString } from '../protocol/ids.ts'
import { bytesSchema } from '../protocol/schemas.ts'
import { requireFresh, SIGNATURE_BYTES, signedBytes } from '../protocol/signed.ts'
import { KEY_BYTES } from './key-pair.ts'
import { KEM_KEY_BYTES } from './pqxdh.ts'

/** One-time prekeys a bundle vouches for at most. */
export const MAX_ONE_TIME_PREKEYS = 100

/**
 * Clocks of two people may be this far apart, ms: 30 days each (promises: numbers). A bundle is believed for so long after
 * it has expired, or those whose clocks are wrong could never begin a session.
 */
export const MAX_CLOCKS_APART_MS = 60 * 24 * 60 * 60 * 1000

/** An ML-DSA-65 public key and signature (FIPS 204, table 2), in bytes. */
export const ML_DSA_KEY_BYTES = 1952
export const ML_DSA_SIGNATURE_BYTES = 3309

const CONTEXT = 'starling-prekeys-1'
const HASH_BYTES = 32

/** Longest body: keys, a hash for each one-time prekey, and the lists they stand in. */
const MAX_BODY_BYTES =
  PUBLIC_KEY_BYTES +
  ML_DSA_KEY_BYTES +
  KEY_BYTES +
  KEM_KEY_BYTES +
  MAX_ONE_TIME_PREKEYS * (HASH_BYTES + 2) +
  64

/** Longest bundle in bytes. */
export const MAX_BUNDLE_BYTES = MAX_BODY_BYTES + SIGNATURE_BYTES + ML_DSA_SIGNATURE_BYTES + 16

/** Number of a prekey with its owner: what an opening names. */
export const prekeyIdSchema = v.pipe(
  v.number(),
  v.safeInteger(),
  v.minValue(1),
  v.maxValue(2 ** 32 - 1),
)

export interface PrekeyBundle {
  peer: PeerIdString
  /** ML-DSA-65, 1952 bytes; the card's key commitment is its hash. */
  mlDsaKey: Uint8Array
  /** One number for signed prekey and KEM prekey: they are changed together. */
  id: number
  /** X25519. */
  signedPrekey: Uint8Array
  /** ML-KEM-768, used when no one-time prekey is left. */
  kemPrekey: Uint8Array
  /** SHA-256 of each one-time prekey's bytes. */
  oneTime: Uint8Array[]
  /** In whole seconds. */
  expiresAtMs: number
}

export interface OneTimePrekey {
  id: number
  /** X25519. */
  prekey: Uint8Array
  /** ML-KEM-768. */
  kemPrekey: Uint8Array
}

/** Signs with both keys. */
export interface BundleSigner {
  readonly publicKey: Uint8Array
  sign(context: string, body: Uint8Array): Promise<Uint8Array>
  /** ML-DSA-65 over `context || 00 || body`. */
  signPostQuantum(context: string, body: Uint8Array): Uint8Array
}

const body = codec(
  v.strictTuple([
    bytesSchema(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES),
    bytesSchema(ML_DSA_KEY_BYTES, ML_DSA_KEY_BYTES),
    prekeyIdSchema,
    bytesSchema(KEY_BYTES, KEY_BYTES),
    bytesSchema(KEM_KEY_BYTES, KEM_KEY_BYTES),
    v.pipe(v.array(bytesSchema(HASH_BYTES, HASH_BYTES)), v.maxLength(MAX_ONE_TIME_PREKEYS)),
    v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(2 ** 32 - 1)),
  ]),
  MAX_BODY_BYTES,
)

const envelope = codec(
  v.strictTuple([
    bytesSchema(MAX_BODY_BYTES),
    bytesSchema(SIGNATURE_BYTES, SIGNATURE_BYTES),
    bytesSchema(ML_DSA_SIGNATURE_BYTES, ML_DSA_SIGNATURE_BYTES),
  ]),
  MAX_BUNDLE_BYTES,
)

const oneTimeCodec = codec(
  v.strictTuple([
    prekeyIdSchema,
    bytesSchema(KEY_BYTES, KEY_BYTES),
    bytesSchema(KEM_KEY_BYTES, KEM_KEY_BYTES),
  ]),
  KEY_BYTES + KEM_KEY_BYTES + 16,
)

/** @throws InvalidDataError when it is not this signer's */
export async function sealBundle(
  bundle: PrekeyBundle,
  signer: BundleSigner,
): Promise<Uint8Array<ArrayBuffer>> {
  if (!equalBytes(publicKeyOf(bundle.peer), signer.publicKey)) {
    throw new InvalidDataError('the prekeys of somebody else')
  }
  const bytes = body.encode([
    signer.publicKey,
    bundle.mlDsaKey,
    bundle.id,
    bundle.signedPrekey,
    bundle.kemPrekey,
    bundle.oneTime,
    Math.floor(bundle.expiresAtMs / 1000),
  ])
  return envelope.encode([
    bytes,
    await signer.sign(CONTEXT, bytes),
    signer.signPostQuantum(CONTEXT, bytes),
  ])
}

/**
 * @param peer whose bundle was asked for
 * @param keyCommitment of their card
 * @throws LimitExceededError, InvalidDataError, InvalidSignatureError, ExpiredError
 */
export async function openBundle(
  bytes: Uint8Array,
  peer: PeerIdString,
  keyCommitment: Uint8Array,
  nowMs: number,
): Promise<PrekeyBundle> {
  const [bodyBytes, signature, mlDsaSignature] = envelope.decode(bytes)
  const [publicKey, mlDsaKey, id, signedPrekey, kemPrekey, oneTime, expiresAtS] =
    body.decode(bodyBytes)
  if (peerIdOf(publicKey) !== peer) throw new InvalidDataError('the prekeys of somebody else')
  // Public values: a comparison that stops early tells nothing.
  if (!equalBytes(sha256(mlDsaKey), keyCommitment)) {
    throw new InvalidSignatureError('another ML-DSA key than the card names')
  }
  const signed = signedBytes(CONTEXT, bodyBytes)
  const fits =
    (await publicKeyFromRaw(Uint8Array.from(publicKey)).verify(signed, signature)) &&
    ml_dsa65.verify(mlDsaSignature, signed, mlDsaKey)
  if (!fits) throw new InvalidSignatureError('a signature of the prekeys does not fit')
  const expiresAtMs = expiresAtS * 1000
  requireFresh(expiresAtMs + MAX_CLOCKS_APART_MS, nowMs)
  return { peer, mlDsaKey, id, signedPrekey, kemPrekey, oneTime, expiresAtMs }
}

/** @throws InvalidDataError */
export function encodeOneTimePrekey({
  id,
  prekey,
  kemPrekey,
}: OneTimePrekey): Uint8Array<ArrayBuffer> {
  return oneTimeCodec.encode([id, prekey, kemPrekey])
}

/** What the bundle says of these bytes. */
export function hashOfOneTimePrekey(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(sha256(bytes))
}

/** @throws LimitExceededError, InvalidDataError, InvalidSignatureError when the bundle does not vouch for it */
export function openOneTimePrekey(bytes: Uint8Array, bundle: PrekeyBundle): OneTimePrekey {
  const [id, prekey, kemPrekey] = oneTimeCodec.decode(bytes)
  const hash = hashOfOneTimePrekey(bytes)
  if (!bundle.oneTime.some((each) => equalBytes(each, hash))) {
    throw new InvalidSignatureError('a one-time prekey the bundle does not name')
  }
  return { id, prekey, kemPrekey }
}
