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
import {
  lockKey,
  openKey,
  passwordLockSchema,
  sealedKeySchema,
  sealKey,
  unlockKey,
} from './key-seal.ts'
import type { Stretch } from './stretch.ts'

/** Of the key of the database, and of those that seal it. */
const KEY_BYTES = 32

/** Bound to what is sealed, so that nothing else sealed with these keys is taken for it. */
const CONTEXT = new TextEncoder().encode('starling database key')

export const deviceSealSchema = v.strictObject({
  type: v.literal('device'),
  /** Of this browser, not extractable; as bytes where the browser cannot keep a key (`sealForDevice`). */
  deviceKey: v.union([v.instance(CryptoKey), bytesSchema(KEY_BYTES, KEY_BYTES)]),
  ...sealedKeySchema,
})

export const passphraseSealSchema = v.strictObject({
  type: v.literal('passphrase'),
  ...passwordLockSchema,
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
  return { type: 'device', deviceKey, ...(await sealKey(databaseKey, key, CONTEXT, random)) }
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
  const lock = await lockKey(databaseKey, passphrase, CONTEXT, stretch, random)
  return { type: 'passphrase', ...lock }
}

/** @throws OperationError when it was sealed with another key, or changed */
export async function openOnDevice({
  deviceKey,
  ...sealed
}: DeviceSeal): Promise<Uint8Array<ArrayBuffer>> {
  const key = deviceKey instanceof CryptoKey ? deviceKey : await deviceKeyOf(deviceKey)
  return openKey(sealed, key, CONTEXT)
}

/** Null when it is another passphrase. */
export function openWithPassphrase(
  seal: PassphraseSeal,
  passphrase: string,
  stretch: Stretch,
): Promise<Uint8Array<ArrayBuffer> | null> {
  return unlockKey(seal, passphrase, CONTEXT, stretch)
}
