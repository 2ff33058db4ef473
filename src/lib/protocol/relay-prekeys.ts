/**
 * What a relay publishes so that a request can be sealed for it alone: an X25519 and an ML-KEM-768 key (FIPS 203), signed by its identity.
 * The keys are made by the relay for itself, and are others after each start and each week.
 */
import * as v from 'valibot'
import { MAX_RELAY_PREKEYS_BYTES } from './assist.ts'
import { PUBLIC_KEY_BYTES, publicKeyOf } from './ids.ts'
import { bytesSchema, peerIdSchema, timeMsSchema } from './schemas.ts'
import { signed, SIGNATURE_BYTES } from './signed.ts'

/** An ML-KEM-768 public key (FIPS 203, table 3), in bytes. */
export const RELAY_KEM_KEY_BYTES = 1_184

const schema = v.strictObject({
  relay: peerIdSchema,
  /** X25519. */
  prekey: bytesSchema(PUBLIC_KEY_BYTES, PUBLIC_KEY_BYTES),
  /** ML-KEM-768. */
  kemPrekey: bytesSchema(RELAY_KEM_KEY_BYTES, RELAY_KEM_KEY_BYTES),
  /** By the clock of the relay. */
  expiresAtMs: timeMsSchema,
})

export type RelayPrekeys = v.InferOutput<typeof schema>

export const relayPrekeys = signed<RelayPrekeys>({
  context: 'starling-relay-prekeys',
  schema,
  maxBytes: MAX_RELAY_PREKEYS_BYTES - SIGNATURE_BYTES - 16,
  signedBy: ({ relay }) => publicKeyOf(relay),
})
