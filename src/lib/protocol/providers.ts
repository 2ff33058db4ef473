/**
 * Who has a content: `/starling/providers/1.0.0`, asked of relays (question.ts).
 *
 * What is published is not the content's id but a hash of it, the **key**: a relay learns that somebody has something, and
 * whoever knows the id, from a link, can ask for it. Neither opens anything: that takes the key in the link's fragment.
 *
 * - `provide` → `stored` | `refused`. A record signed by the asking peer, kept for 24 h at most; the relay says in the
 *   DHT of relays that it knows of somebody. Or a revocation (revocation.ts), kept and found like one, for 30 days.
 * - `withdraw` → `withdrawn`. The asking peer has it no more.
 * - `find` → `providers`. Some of those the relay knows of and, where `scope` is `network`, of those that other relays
 *   do, looked for during at most `FIND_TIMEOUT_MS`. Each record is the provider's own signed bytes.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import * as v from 'valibot'
import { codec } from './codec.ts'
import { InvalidDataError } from './errors.ts'
import { publicKeyOf } from './ids.ts'
import type { Question } from './question.ts'
import {
  bytesSchema,
  MAX_ADDRESS_CHARS,
  peerIdSchema,
  relayHostSchema,
  timeMsSchema,
} from './schemas.ts'
import { requireFresh, SIGNATURE_BYTES, signed, type Signer } from './signed.ts'

/** A SHA-256, of what is looked for. */
export const PROVIDER_KEY_BYTES = 32

/** How long a record holds, from its making, in ms. It is made anew while the content is kept. */
export const PROVIDER_LIFE_MS = 24 * 60 * 60_000

/** How far two honest clocks may be apart, in ms. */
const TOLERANCE_MS = 10 * 60_000

/** Relays of a provider: those that hold a reservation for it. */
export const MAX_PROVIDER_RELAYS = 3

/** Records in one answer: more than are dialled at once. */
export const MAX_FOUND_PROVIDERS = 16

/** How long a relay looks at other relays, in ms. */
export const FIND_TIMEOUT_MS = 5_000

/** Requests of one peer a minute: 100 contents made known after waking up, and some looked for. */
export const MAX_PROVIDER_REQUESTS_PER_MINUTE = 240

const MAX_BODY_BYTES = MAX_PROVIDER_RELAYS * (MAX_ADDRESS_CHARS + 4) + 256

/** Longest record in bytes, its signature included. */
export const MAX_PROVIDER_RECORD_BYTES = MAX_BODY_BYTES + SIGNATURE_BYTES + 16

const keySchema = bytesSchema(PROVIDER_KEY_BYTES, PROVIDER_KEY_BYTES)

const schema = v.pipe(
  v.strictObject({
    key: keySchema,
    /** Who has it. */
    peer: peerIdSchema,
    /** `host[:port]` of the relays it is to be met at. */
    relays: v.pipe(v.array(relayHostSchema), v.maxLength(MAX_PROVIDER_RELAYS)),
    madeAtMs: timeMsSchema,
    expiresAtMs: timeMsSchema,
  }),
  v.check(
    ({ madeAtMs, expiresAtMs }) =>
      madeAtMs < expiresAtMs && expiresAtMs - madeAtMs <= PROVIDER_LIFE_MS,
    'lives longer than a record may',
  ),
)

export type ProviderRecord = v.InferOutput<typeof schema>

const records = signed<ProviderRecord>({
  context: 'starling-provider-1',
  schema,
  maxBytes: MAX_BODY_BYTES,
  signedBy: ({ peer }) => publicKeyOf(peer),
})

/** @throws InvalidDataError, LimitExceededError when it breaks a rule or is not the signer's own */
export function sealProviderRecord(
  record: ProviderRecord,
  signer: Signer,
): Promise<Uint8Array<ArrayBuffer>> {
  return records.seal(record, signer)
}

/** @throws LimitExceededError, InvalidDataError, InvalidSignatureError, ExpiredError */
export async function openProviderRecord(
  bytes: Uint8Array,
  nowMs: number,
): Promise<ProviderRecord> {
  const record = await records.open(bytes)
  requireFresh(record.expiresAtMs, nowMs)
  if (record.madeAtMs > nowMs + TOLERANCE_MS) throw new InvalidDataError('from the future')
  return record
}

/** What a content is looked for by. @param id 32 bytes: the SHA-256 of its manifest */
export function providerKeyOf(id: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(sha256(concatBytes(utf8ToBytes('starling-provider\0'), id)))
}

const recordSchema = bytesSchema(MAX_PROVIDER_RECORD_BYTES)

const requestSchema = v.variant('type', [
  v.strictObject({ type: v.literal('provide'), record: recordSchema }),
  v.strictObject({ type: v.literal('withdraw'), key: keySchema }),
  v.strictObject({
    type: v.literal('find'),
    key: keySchema,
    scope: v.picklist(['relay', 'network']),
  }),
])

/** Why a relay does not do what was asked. */
const refusalSchema = v.picklist([
  /** Not the asking peer's own record, malformed, expired, or its signature does not fit. */
  'invalid',
  /** It has as many of this peer as it keeps. */
  'full',
  /** Too many requests: ask again in a minute. */
  'busy',
])

const responseSchema = v.variant('type', [
  v.strictObject({ type: v.literal('stored') }),
  v.strictObject({ type: v.literal('withdrawn') }),
  v.strictObject({
    type: v.literal('providers'),
    records: v.pipe(v.array(recordSchema), v.maxLength(MAX_FOUND_PROVIDERS)),
  }),
  v.strictObject({ type: v.literal('refused'), reason: refusalSchema }),
])

export type ProvidersRequest = v.InferOutput<typeof requestSchema>
export type ProvidersResponse = v.InferOutput<typeof responseSchema>

const MAX_REQUEST_BYTES = MAX_PROVIDER_RECORD_BYTES + 64
const MAX_RESPONSE_BYTES = MAX_FOUND_PROVIDERS * (MAX_PROVIDER_RECORD_BYTES + 4) + 64

export const providersRequest = codec<ProvidersRequest>(requestSchema, MAX_REQUEST_BYTES)
export const providersResponse = codec<ProvidersResponse>(responseSchema, MAX_RESPONSE_BYTES)

export const PROVIDERS: Question<ProvidersRequest, ProvidersResponse> = {
  protocol: '/starling/providers/1.0.0',
  request: providersRequest,
  response: providersResponse,
  maxRequestBytes: MAX_REQUEST_BYTES,
  maxResponseBytes: MAX_RESPONSE_BYTES,
  timeoutMs: FIND_TIMEOUT_MS + 5_000,
}
