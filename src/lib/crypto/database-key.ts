/**
 * The key of the database, and the two ways it is kept: sealed with AES-256-GCM (NIST SP 800-38D) under a key of this
 * browser that no script can read out, or under one that Argon2id makes of a passphrase.
 *
 * Either lies on the same disk as the database: whoever copies the browser's profile has the key of the browser too.
 * Only a passphrase is nowhere on the disk.
 */
import * as v from 'valibot'
import { bytesSchema } from '../protocol/schemas.ts'
import type { Random } from '../protocol/seams.ts'
import { newStretching, stretchingSchema, type Stretch } from './stretch.ts'

/** Of the key of the database, and of those that seal it. */
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Bound to what is sealed, so that nothing else sealed with these keys is taken for it. */
const CONTEXT = new TextEncoder().encode('starling database key')

const sealedSchema = {
  nonce: bytesSchema(NONCE_BYTES, NONCE_BYTES),
  sealed: bytesSchema(KEY_BYTES + TAG_BYTES, KEY_BYTES + TAG_BYTES),
}

export const deviceSealSchema = v.strictObject({
  type: v.literal('device'),
  /** Of this browser, not extractable; as bytes where the browser cannot keep a key (`sealForDevice`). */
  deviceKey: v.union([v.instance(CryptoKey), bytesSchema(KEY_BYTES, KEY_BYTES)]),
  ...sealedSchema,
})

export const passphraseSealSchema = v.strictObject({
  type: v.literal('passphrase'),
  stretching: stretchingSchema,
  ...sealedSchema,
})

/** The key of the database as this device can open it. */
export type DeviceSeal = v.InferOutput<typeof deviceSealSchema>

/** The key of the database as whoever knows the passphrase can open it. */
export type PassphraseSeal = v.InferOutput<typeof passphraseSealSchema>

export function createDatabaseKey(random: Random): Uint8Array<ArrayBuffer> {
  return random.bytes(KEY_BYTES)
}

/**
 * Seals it with a new key of this browser.
 * @param readable as bytes: a SharedWorker of WebKit cannot put a key into a database (DataCloneError)
 */
export async function sealForDevice(
  databaseKey: Uint8Array<ArrayBuffer>,
  random: Random,
  readable = false,
): Promise<DeviceSeal> {
  const bytes = random.bytes(KEY_BYTES)
  const key = await deviceKeyOf(bytes)
  const deviceKey = readable ? bytes : key
  return { type: 'device', deviceKey, ...(await seal(databaseKey, key, random)) }
}

async function deviceKeyOf(bytes: Uint8Array): Promise<CryptoKey> {
  const usages: KeyUsage[] = ['encrypt', 'decrypt']
  return crypto.subtle.importKey('raw', Uint8Array.from(bytes), 'AES-GCM', false, usages)
}

export async function sealWithPassphrase(
  databaseKey: Uint8Array<ArrayBuffer>,
  passphrase: string,
  stretch: Stretch,
  random: Random,
): Promise<PassphraseSeal> {
  const stretching = newStretching(random)
  const key = await passphraseKey(await stretch(passphrase, stretching))
  return { type: 'passphrase', stretching, ...(await seal(databaseKey, key, random)) }
}

/** @throws OperationError when it was sealed with another key, or changed */
export async function openOnDevice({
  deviceKey,
  ...sealed
}: DeviceSeal): Promise<Uint8Array<ArrayBuffer>> {
  return open(sealed, deviceKey instanceof CryptoKey ? deviceKey : await deviceKeyOf(deviceKey))
}

/** Null when it is another passphrase. */
export async function openWithPassphrase(
  { stretching, ...sealed }: PassphraseSeal,
  passphrase: string,
  stretch: Stretch,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const key = await passphraseKey(await stretch(passphrase, stretching))
  try {
    return await open(sealed, key)
  } catch (error) {
    // How Web Crypto says that the tag does not fit.
    if (error instanceof DOMException && error.name === 'OperationError') return null
    throw error
  }
}

interface Sealed {
  nonce: Uint8Array
  sealed: Uint8Array
}

async function seal(
  databaseKey: Uint8Array<ArrayBuffer>,
  key: CryptoKey,
  random: Random,
): Promise<Sealed> {
  const nonce = random.bytes(NONCE_BYTES)
  const sealed = await crypto.subtle.encrypt(gcm(nonce), key, databaseKey)
  return { nonce, sealed: new Uint8Array(sealed) }
}

async function open({ nonce, sealed }: Sealed, key: CryptoKey): Promise<Uint8Array<ArrayBuffer>> {
  const opened = await crypto.subtle.decrypt(gcm(nonce), key, Uint8Array.from(sealed))
  return new Uint8Array(opened)
}

const gcm = (nonce: Uint8Array): AesGcmParams => ({
  name: 'AES-GCM',
  iv: Uint8Array.from(nonce),
  additionalData: CONTEXT,
})

/** Overwrites `bytes` once they are a key. */
async function passphraseKey(bytes: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const key = await crypto.subtle.importKey('raw', bytes, 'AES-GCM', false, ['encrypt', 'decrypt'])
  bytes.fill(0)
  return key
}
