/**
 * People on one network find each other at a relay: `/starling/nearby/1.0.0`, asked of relays (question.ts). A browser cannot
 * use mDNS; a relay sees from which address each connection comes.
 *
 * - `show` → `people` | `refused`. From now on, for `NEARBY_LIFE_MS`, those who show themselves from the same address are told
 *   of the asking peer, and it is told of them. Who goes on asks again before that.
 * - `hide` → `people`, none. Nobody is told any more.
 *
 * Only who shows themselves sees others. A relay does not read cards, which their owners have signed: who is told of somebody
 * takes only the card of the very peer that showed it.
 */
import * as v from 'valibot'
import { codec } from './codec.ts'
import type { Question } from './question.ts'
import { bytesSchema, peerIdSchema } from './schemas.ts'

/** How long somebody is shown after they last asked, in ms: three times as long as they wait to ask again. */
export const NEARBY_LIFE_MS = 30_000

/** Others in one answer: people in a room, not all customers of a provider. */
export const MAX_NEARBY_PEOPLE = 32

/** Longest card in bytes; today's has 297. */
export const MAX_NEARBY_CARD_BYTES = 512

/** Requests of one peer a minute: one every 10 s from some tabs. */
export const MAX_NEARBY_REQUESTS_PER_MINUTE = 30

const cardSchema = bytesSchema(MAX_NEARBY_CARD_BYTES, 1)

const requestSchema = v.variant('type', [
  v.strictObject({ type: v.literal('show'), card: cardSchema }),
  v.strictObject({ type: v.literal('hide') }),
])

const responseSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('people'),
    people: v.pipe(
      v.array(v.strictObject({ peer: peerIdSchema, card: cardSchema })),
      v.maxLength(MAX_NEARBY_PEOPLE),
    ),
  }),
  v.strictObject({
    type: v.literal('refused'),
    /** `busy`: too many requests. `crowded`: as many as fit in an answer show themselves at this address already. */
    reason: v.picklist(['busy', 'crowded']),
  }),
])

export type NearbyRequest = v.InferOutput<typeof requestSchema>
export type NearbyResponse = v.InferOutput<typeof responseSchema>

const MAX_REQUEST_BYTES = MAX_NEARBY_CARD_BYTES + 64
const MAX_RESPONSE_BYTES = MAX_NEARBY_PEOPLE * (MAX_NEARBY_CARD_BYTES + 96) + 64

export const nearbyRequest = codec<NearbyRequest>(requestSchema, MAX_REQUEST_BYTES)
export const nearbyResponse = codec<NearbyResponse>(responseSchema, MAX_RESPONSE_BYTES)

export const NEARBY: Question<NearbyRequest, NearbyResponse> = {
  protocol: '/starling/nearby/1.0.0',
  request: nearbyRequest,
  response: nearbyResponse,
  maxRequestBytes: MAX_REQUEST_BYTES,
  maxResponseBytes: MAX_RESPONSE_BYTES,
  timeoutMs: 10_000,
}
