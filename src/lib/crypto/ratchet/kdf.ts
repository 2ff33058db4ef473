/**
 * The functions The Double Ratchet Algorithm leaves open (https://signal.org/docs/specifications/doubleratchet/,
 * 3.1 and 4.2), as its section 5.2 recommends, with AEADs in place of CBC and HMAC:
 *
 *     DH             X25519 (RFC 7748)
 *     KDF_RK_HE      HKDF (RFC 5869) with SHA-256, the root key as salt
 *     KDF_CK         HMAC-SHA-256 of the bytes 01 and 02
 *     ENCRYPT        ChaCha20-Poly1305 (RFC 8439), key and nonce from the message key, which is used once
 *     HENCRYPT       XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with a random nonce: header keys are used again
 */
import { chacha20poly1305, xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Random } from '../../protocol/seams.ts'

/** Of every symmetric key. */
const KEY_BYTES = 32

/** What `encrypt` adds. */
export const TAG_BYTES = 16

const NONCE_BYTES = 12
const HEADER_NONCE_BYTES = 24

/** What `encryptHeader` adds. */
export const HEADER_OVERHEAD_BYTES = HEADER_NONCE_BYTES + TAG_BYTES

const FIRST_INFO = utf8ToBytes('starling ratchet first keys')
const ROOT_INFO = utf8ToBytes('starling ratchet root')
const MESSAGE_INFO = utf8ToBytes('starling ratchet message')

/** Root key and the two header keys both sides begin with (4.4), from the one key they have agreed on. */
export function firstKeys(agreed: Uint8Array): {
  root: Uint8Array
  headerOfFirst: Uint8Array
  headerOfSecond: Uint8Array
} {
  const keys = hkdf(sha256, agreed, undefined, FIRST_INFO, 3 * KEY_BYTES)
  const [root, headerOfFirst, headerOfSecond] = cut(keys)
  return { root, headerOfFirst, headerOfSecond }
}

/** KDF_RK_HE: a step of the root chain. */
export function stepRoot(
  root: Uint8Array,
  shared: Uint8Array,
): { root: Uint8Array; chain: Uint8Array; header: Uint8Array } {
  const [next, chain, header] = cut(hkdf(sha256, shared, root, ROOT_INFO, 3 * KEY_BYTES))
  return { root: next, chain, header }
}

/** KDF_CK: a step of a sending or receiving chain. */
export function stepChain(chain: Uint8Array): { chain: Uint8Array; message: Uint8Array } {
  return {
    chain: hmac(sha256, chain, Uint8Array.of(2)),
    message: hmac(sha256, chain, Uint8Array.of(1)),
  }
}

/** ENCRYPT: adds `TAG_BYTES`. */
export function encrypt(
  message: Uint8Array,
  plaintext: Uint8Array,
  associated: Uint8Array,
): Uint8Array {
  return cipher(message, associated).encrypt(plaintext)
}

/** DECRYPT; null when the key or the associated data are others. */
export function decrypt(
  message: Uint8Array,
  sealed: Uint8Array,
  associated: Uint8Array,
): Uint8Array | null {
  return attempt(() => cipher(message, associated).decrypt(sealed))
}

/** HENCRYPT: `nonce || ciphertext`, adds `HEADER_OVERHEAD_BYTES`. */
export function encryptHeader(key: Uint8Array, header: Uint8Array, random: Random): Uint8Array {
  const nonce = random.bytes(HEADER_NONCE_BYTES)
  const sealed = xchacha20poly1305(key, nonce).encrypt(header)
  return concatBytes(nonce, sealed)
}

/** HDECRYPT; null when the key is another. */
export function decryptHeader(key: Uint8Array, sealed: Uint8Array): Uint8Array | null {
  const nonce = sealed.subarray(0, HEADER_NONCE_BYTES)
  return attempt(() => xchacha20poly1305(key, nonce).decrypt(sealed.subarray(HEADER_NONCE_BYTES)))
}

function cipher(message: Uint8Array, associated: Uint8Array): ReturnType<typeof chacha20poly1305> {
  const keys = hkdf(sha256, message, undefined, MESSAGE_INFO, KEY_BYTES + NONCE_BYTES)
  return chacha20poly1305(keys.subarray(0, KEY_BYTES), keys.subarray(KEY_BYTES), associated)
}

/** The ciphers throw at a tag that does not fit: comparison is in constant time, and nothing else is told. */
function attempt(open: () => Uint8Array): Uint8Array | null {
  try {
    return open()
  } catch {
    return null
  }
}

function cut(keys: Uint8Array): [Uint8Array, Uint8Array, Uint8Array] {
  const part = (at: number): Uint8Array => keys.slice(at * KEY_BYTES, (at + 1) * KEY_BYTES)
  return [part(0), part(1), part(2)]
}
