/**
 * A key from what a person typed: Argon2id, version 1.3 (RFC 9106), so that each guess costs time and memory.
 */
import * as v from 'valibot'
import { bytesSchema } from '../protocol/schemas.ts'
import type { Random } from '../protocol/seams.ts'

/** A salt has 16 bytes, as RFC 9106 (section 4) recommends for passwords. */
const SALT_BYTES = 16

/** Of the key. */
const KEY_BYTES = 32

/** What a key was made with beside the password, kept with what the key protects. */
export interface Stretching {
  salt: Uint8Array
  memoryKiB: number
  passes: number
  lanes: number
}

/** As found in a file or database: up to four times the memory and passes of today, so that no file stops a phone. */
export const stretchingSchema: v.GenericSchema<unknown, Stretching> = v.strictObject({
  salt: bytesSchema(SALT_BYTES, SALT_BYTES),
  memoryKiB: v.pipe(v.number(), v.safeInteger(), v.minValue(1_024), v.maxValue(256 * 1_024)),
  passes: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(12)),
  lanes: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(4)),
})

/** The second of the two choices RFC 9106 (section 4) recommends: 64 MiB, 3 passes, 4 lanes. */
export function newStretching(random: Random): Stretching {
  return { salt: random.bytes(SALT_BYTES), memoryKiB: 64 * 1_024, passes: 3, lanes: 4 }
}

/**
 * The key, 32 bytes. Takes half a second and the memory named; the code for it is loaded when first needed.
 * Passwords that look the same are the same (Unicode NFC, as RFC 8265 has it).
 */
export type Stretch = (password: string, stretching: Stretching) => Promise<Uint8Array<ArrayBuffer>>

export const stretch: Stretch = async (password, { salt, memoryKiB, passes, lanes }) => {
  const { argon2id } = await import('hash-wasm')
  const key = await argon2id({
    password: password.normalize('NFC'),
    salt,
    memorySize: memoryKiB,
    iterations: passes,
    parallelism: lanes,
    hashLength: KEY_BYTES,
    outputType: 'binary',
  })
  return Uint8Array.from(key)
}
