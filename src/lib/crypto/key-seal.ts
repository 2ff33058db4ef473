/**
 * Keys sealed with other keys: AES-256-GCM (NIST SP 800-38D) under one of this browser's, or under one that Argon2id makes
 * of what a person typed. Each is bound to what it is for, so that nothing sealed for one purpose is taken for another.
 */
import { bytesSchema } from '../protocol/schemas.ts'
import type { Random } from '../protocol/seams.ts'
import { newStretching, stretchingSchema, type Stretch, type Stretching } from './stretch.ts'

/** Of the keys that are sealed, and of those that seal. */
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** A sealed key, to be spread into a strict object. */
export const sealedKeySchema = {
  nonce: bytesSchema(NONCE_BYTES, NONCE_BYTES),
  sealed: bytesSchema(KEY_BYTES + TAG_BYTES, KEY_BYTES + TAG_BYTES),
}

/** A key that a password opens, to be spread into a strict object. */
export const passwordLockSchema = { stretching: stretchingSchema, ...sealedKeySchema }

export interface SealedKey {
  nonce: Uint8Array
  sealed: Uint8Array
}

export interface PasswordLock extends SealedKey {
  stretching: Stretching
}

export async function sealKey(
  key: Uint8Array<ArrayBuffer>,
  by: CryptoKey,
  context: Uint8Array<ArrayBuffer>,
  random: Random,
): Promise<SealedKey> {
  const nonce = random.bytes(NONCE_BYTES)
  const sealed = await crypto.subtle.encrypt(gcm(nonce, context), by, key)
  return { nonce, sealed: new Uint8Array(sealed) }
}

/** @throws OperationError when it was sealed with another key or for something else, or changed */
export async function openKey(
  { nonce, sealed }: SealedKey,
  by: CryptoKey,
  context: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const opened = await crypto.subtle.decrypt(gcm(nonce, context), by, Uint8Array.from(sealed))
  return new Uint8Array(opened)
}

/** Seals it with what Argon2id makes of the password. */
export async function lockKey(
  key: Uint8Array<ArrayBuffer>,
  password: string,
  context: Uint8Array<ArrayBuffer>,
  stretch: Stretch,
  random: Random,
): Promise<PasswordLock> {
  const stretching = newStretching(random)
  const by = await passwordKey(await stretch(password, stretching))
  return { stretching, ...(await sealKey(key, by, context, random)) }
}

/** Null when it is another password. */
export async function unlockKey(
  { stretching, nonce, sealed }: PasswordLock,
  password: string,
  context: Uint8Array<ArrayBuffer>,
  stretch: Stretch,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const by = await passwordKey(await stretch(password, stretching))
  try {
    return await openKey({ nonce, sealed }, by, context)
  } catch (error) {
    // How Web Crypto says that the tag does not fit.
    if (error instanceof DOMException && error.name === 'OperationError') return null
    throw error
  }
}

const gcm = (nonce: Uint8Array, additionalData: Uint8Array<ArrayBuffer>): AesGcmParams => ({
  name: 'AES-GCM',
  iv: Uint8Array.from(nonce),
  additionalData,
})

/** Overwrites `bytes` once they are a key. */
async function passwordKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const key = await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
  bytes.fill(0)
  return key
}
