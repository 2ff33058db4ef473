/** Sessions as they are stored. Secret. */
import * as v from 'valibot'
import { codec } from '../protocol/codec.ts'
import { bytesSchema, timeMsSchema } from '../protocol/schemas.ts'
import { KEY_BYTES, keyPairSchema } from './key-pair.ts'
import { MAX_SKIPPED, MAX_SKIPPED_CHAINS } from './ratchet/ratchet.ts'
import { HEAD_BYTES, MAX_SESSIONS, type Sessions } from './sessions.ts'

const keySchema = bytesSchema(KEY_BYTES, KEY_BYTES)
const numberSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const chainSchema = v.strictObject({ key: keySchema, header: keySchema, next: numberSchema })

const ratchetSchema = v.strictObject({
  mine: keyPairSchema,
  theirs: v.nullable(keySchema),
  root: keySchema,
  sending: v.nullable(chainSchema),
  receiving: v.nullable(chainSchema),
  nextSendingHeader: keySchema,
  nextReceivingHeader: keySchema,
  previous: numberSchema,
  skipped: v.pipe(
    v.array(
      v.strictObject({
        header: keySchema,
        keys: v.pipe(
          v.array(v.strictObject({ number: numberSchema, key: keySchema })),
          v.maxLength(MAX_SKIPPED),
        ),
      }),
    ),
    v.maxLength(MAX_SKIPPED_CHAINS),
  ),
})

const sessionSchema = v.strictObject({
  id: keySchema,
  ratchet: ratchetSchema,
  associated: keySchema,
  head: v.nullable(bytesSchema(HEAD_BYTES, HEAD_BYTES)),
  begunAtMs: v.exactOptional(timeMsSchema),
})

/** A skipped key with its number and their names takes less than 64 bytes, the rest of a session less than 4 KiB. */
const MAX_SESSION_BYTES = 64 * MAX_SKIPPED + 4_096

export const sessionsCodec = codec<Sessions>(
  v.pipe(v.array(sessionSchema), v.maxLength(MAX_SESSIONS)),
  MAX_SESSIONS * MAX_SESSION_BYTES,
)
