/**
 * What a browser asks a relay: `/starling/directory/1.0.0`.
 *
 * It is asked as every `Question` is (question.ts).
 *
 * - `publish` → `stored` | `refused`. The record must be the asking peer's own; the relay keeps the newest and
 *   puts it into the DHT.
 * - `lookup` → `found` | `unknown`. The relay answers from its own store, then asks the DHT, for at most
 *   `LOOKUP_TIMEOUT_MS`. The record is the peer's own signed bytes: the asker opens it itself.
 * - `relays` → `relays`: the relay's signed list of others (relay-list.ts).
 *
 * A request that breaks a rule is answered with `refused`. A peer may ask `MAX_DIRECTORY_REQUESTS_PER_MINUTE` times a
 * minute.
 */
import * as v from 'valibot'
import { codec } from './codec.ts'
import { MAX_PEER_RECORD_BYTES } from './peer-record.ts'
import type { Question } from './question.ts'
import { MAX_RELAY_LIST_BYTES } from './relay-list.ts'
import { bytesSchema, peerIdSchema } from './schemas.ts'

export const DIRECTORY_PROTOCOL = '/starling/directory/1.0.0'

/** Longest request frame in bytes: a peer record and what is around it. */
export const MAX_DIRECTORY_REQUEST_BYTES = MAX_PEER_RECORD_BYTES + 64

/** Longest response frame in bytes: a relay list and what is around it. */
export const MAX_DIRECTORY_RESPONSE_BYTES = MAX_RELAY_LIST_BYTES + 64

/** How long a relay looks for a record in the DHT before it says `unknown`. */
export const LOOKUP_TIMEOUT_MS = 5_000

/** How long a client waits for an answer: a lookup and two slow round trips. */
export const DIRECTORY_TIMEOUT_MS = LOOKUP_TIMEOUT_MS + 5_000

/** Requests of one peer a minute: looking up 100 contacts after waking up, and publishing, fits. */
export const MAX_DIRECTORY_REQUESTS_PER_MINUTE = 120

/** Why a relay does not do what was asked. */
const refusalSchema = v.picklist([
  /** Not the asking peer's own record, malformed, expired, or its signature does not fit. */
  'invalid',
  /** The relay holds a newer record of this peer. */
  'stale',
  /** Too many requests: ask again in a minute. */
  'busy',
])

const requestSchema = v.variant('type', [
  v.strictObject({ type: v.literal('publish'), record: bytesSchema(MAX_PEER_RECORD_BYTES) }),
  v.strictObject({ type: v.literal('lookup'), peer: peerIdSchema }),
  v.strictObject({ type: v.literal('relays') }),
])

const responseSchema = v.variant('type', [
  v.strictObject({ type: v.literal('stored') }),
  v.strictObject({ type: v.literal('found'), record: bytesSchema(MAX_PEER_RECORD_BYTES) }),
  v.strictObject({ type: v.literal('unknown') }),
  v.strictObject({ type: v.literal('relays'), list: bytesSchema(MAX_RELAY_LIST_BYTES) }),
  v.strictObject({ type: v.literal('refused'), reason: refusalSchema }),
])

export type DirectoryRequest = v.InferOutput<typeof requestSchema>
export type DirectoryResponse = v.InferOutput<typeof responseSchema>

export const directoryRequest = codec<DirectoryRequest>(requestSchema, MAX_DIRECTORY_REQUEST_BYTES)
export const directoryResponse = codec<DirectoryResponse>(
  responseSchema,
  MAX_DIRECTORY_RESPONSE_BYTES,
)

export const DIRECTORY: Question<DirectoryRequest, DirectoryResponse> = {
  protocol: DIRECTORY_PROTOCOL,
  request: directoryRequest,
  response: directoryResponse,
  maxRequestBytes: MAX_DIRECTORY_REQUEST_BYTES,
  maxResponseBytes: MAX_DIRECTORY_RESPONSE_BYTES,
  timeoutMs: DIRECTORY_TIMEOUT_MS,
}
