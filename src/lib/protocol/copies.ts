/**
 * Copies of contents that a relay keeps for a while, so that a link works when whoever shared it is away:
 * `/starling/copies/1.0.0`, asked of relays (question.ts) that keep any.
 *
 * - `keep` → `keeping` | `refused`. The relay gets the content from the asking peer over `/starling/blocks/1.0.0`, which
 *   both have open on the same connection, verifies every part, and gives it to whoever asks, until `untilMs`. Asking
 *   again makes it last longer, and tells how far it is and how many have taken it.
 * - `release` → `released`. The asking peer wants it kept no longer.
 *
 * Only what is sealed is kept: the relay learns how much it is, and who gets it.
 */
import * as v from 'valibot'
import { codec } from './codec.ts'
import type { Question } from './question.ts'
import { bytesSchema, timeMsSchema } from './schemas.ts'

/** The SHA-256 of a manifest, which names a content. */
const contentSchema = bytesSchema(32, 32)

/** The longest a copy is kept from the last time somebody asked for it, in ms. */
export const MAX_KEEP_MS = 30 * 24 * 60 * 60_000

/** People who took a copy that are counted. */
export const MAX_TAKERS = 256

/** Requests of one peer a minute: some shares begun at once, and looks at how far they are. */
export const MAX_COPY_REQUESTS_PER_MINUTE = 120

const requestSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('keep'),
    content: contentSchema,
    /** Of everything in it, as its manifest says; more is not taken. */
    bytes: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
    /** For so long from now on, ms. */
    forMs: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(MAX_KEEP_MS)),
  }),
  v.strictObject({ type: v.literal('release'), content: contentSchema }),
])

/** Why a relay keeps no copy. */
const refusalSchema = v.picklist([
  /** All room it gives to copies is taken. */
  'full',
  /** More than it keeps for one person. */
  'too-much',
  /** Too many requests: ask again in a minute. */
  'busy',
  /** It is not sealed, or something else than it was said to be. */
  'not-sealed',
])

export type CopyRefusal = v.InferOutput<typeof refusalSchema>

const responseSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('keeping'),
    untilMs: timeMsSchema,
    /** Whether all of it is there. */
    complete: v.boolean(),
    /** How many people have got all of it since the relay began to run, the last of it from there. */
    taken: v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(MAX_TAKERS)),
  }),
  v.strictObject({ type: v.literal('released') }),
  v.strictObject({ type: v.literal('refused'), reason: refusalSchema }),
])

export type CopiesRequest = v.InferOutput<typeof requestSchema>
export type CopiesResponse = v.InferOutput<typeof responseSchema>

const MAX_BYTES = 256

export const copiesRequest = codec<CopiesRequest>(requestSchema, MAX_BYTES)
export const copiesResponse = codec<CopiesResponse>(responseSchema, MAX_BYTES)

export const COPIES: Question<CopiesRequest, CopiesResponse> = {
  protocol: '/starling/copies/1.0.0',
  request: copiesRequest,
  response: copiesResponse,
  maxRequestBytes: MAX_BYTES,
  maxResponseBytes: MAX_BYTES,
  timeoutMs: 10_000,
}
