import * as v from 'valibot'
import { MAX_BUNDLE_BYTES } from '../crypto/prekey-bundle.ts'
import { codec } from '../protocol/codec.ts'
import { MAX_ONE_TIME_BYTES } from '../protocol/mailbox.ts'
import { bytesSchema } from '../protocol/schemas.ts'

/** Longest keys of one person, in bytes: a bundle with one one-time prekey. */
export const MAX_KEYS_BYTES = 16 * 1024

/** What one person gives another to begin a session: bundle, and one-time prekey; null when none was left. */
export const keysCodec = codec(
  v.strictTuple([bytesSchema(MAX_BUNDLE_BYTES), v.nullable(bytesSchema(MAX_ONE_TIME_BYTES))]),
  MAX_KEYS_BYTES,
)
