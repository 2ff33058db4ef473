/**
 * Signed objects: `[body, signature]` in canonical DAG-CBOR, where body is the canonical bytes of the value
 * and the Ed25519 (RFC 8032) signature is over `context || 0x00 || body`. The context names the kind of
 * object, so no signature is valid for another kind. The body says whose signature it needs.
 */
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import * as v from 'valibot'
import { codec, equalBytes } from './codec.ts'
import { ExpiredError, InvalidDataError, InvalidSignatureError } from './errors.ts'
import { bytesSchema } from './schemas.ts'

/** An Ed25519 signature is 64 bytes (RFC 8032, 5.1.6). */
export const SIGNATURE_BYTES = 64

/** What two list and two byte-string headers of DAG-CBOR take at most around body and signature. */
const ENVELOPE_BYTES = 16

/** Who signs: `crypto/api.ts` has a browser's, a relay has its own. */
export interface Signer {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array
  /** Ed25519 over `signedBytes(context, body)`. */
  sign(context: string, body: Uint8Array): Promise<Uint8Array>
}

/** One kind of signed object. */
export interface Signed<T> {
  /** @throws InvalidDataError when `value` is not of the shape, or not this signer's to sign. */
  seal(value: T, signer: Signer): Promise<Uint8Array<ArrayBuffer>>
  /** @throws LimitExceededError, InvalidDataError, InvalidSignatureError */
  open(bytes: Uint8Array): Promise<T>
  /** The value without a look at its signature: only to order or log what `open` judges elsewhere. */
  peek(bytes: Uint8Array): T
}

export interface SignedInit<T> {
  /** Kind of object, without a zero byte: `starling-peer-record`. */
  context: string
  /** Shape of the value; it bounds everything in it. */
  schema: v.GenericSchema<unknown, T>
  /** Longest body in bytes. */
  maxBytes: number
  /** The Ed25519 public key (32 bytes) the value must be signed with. */
  signedBy(value: T): Uint8Array
}

/** Seals and opens one kind of signed object. */
export function signed<T>(init: SignedInit<T>): Signed<T> {
  const body = codec(init.schema, init.maxBytes)
  const envelope = codec(
    v.strictTuple([bytesSchema(init.maxBytes), bytesSchema(SIGNATURE_BYTES, SIGNATURE_BYTES)]),
    init.maxBytes + SIGNATURE_BYTES + ENVELOPE_BYTES,
  )
  return {
    async seal(value, signer) {
      if (!equalBytes(init.signedBy(value), signer.publicKey)) {
        throw new InvalidDataError('signed by somebody else than it is about')
      }
      const bytes = body.encode(value)
      return envelope.encode([bytes, await signer.sign(init.context, bytes)])
    },
    async open(bytes) {
      const [bodyBytes, signature] = envelope.decode(bytes)
      const value = body.decode(bodyBytes)
      await requireSignature(init.signedBy(value), init.context, bodyBytes, signature)
      return value
    },
    peek(bytes) {
      return body.decode(envelope.decode(bytes)[0])
    },
  }
}

/** What is signed: `context || 0x00 || body`. */
export function signedBytes(context: string, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const prefix = new TextEncoder().encode(`${context}\0`)
  const bytes = new Uint8Array(prefix.byteLength + body.byteLength)
  bytes.set(prefix)
  bytes.set(body, prefix.byteLength)
  return bytes
}

/** @throws ExpiredError from the moment `expiresAtMs` on. */
export function requireFresh(expiresAtMs: number, nowMs: number): void {
  if (nowMs >= expiresAtMs) throw new ExpiredError(`expired ${nowMs - expiresAtMs} ms ago`)
}

/** @param key Ed25519, 32 bytes @throws InvalidSignatureError */
export async function requireSignature(
  key: Uint8Array,
  context: string,
  body: Uint8Array,
  signature: Uint8Array,
): Promise<void> {
  const bytes = signedBytes(context, body)
  // libp2p's own verifier takes Web Crypto where it knows Ed25519 and @noble/curves elsewhere. In browsers it reads
  // the whole buffer behind the key, so the key must be all there is in it.
  if (!(await publicKeyFromRaw(Uint8Array.from(key)).verify(bytes, signature))) {
    throw new InvalidSignatureError('the signature does not fit')
  }
}
