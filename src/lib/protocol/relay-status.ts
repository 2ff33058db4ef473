/**
 * How a relay stands: `/starling/status/1.0.0`, asked of relays (question.ts). It helps to choose among them, and is what
 * the relay says of itself: nothing depends on its truth.
 */
import * as v from 'valibot'
import { codec } from './codec.ts'
import type { Question } from './question.ts'

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

const statusSchema = v.strictObject({
  /** How long it has been running, ms. */
  upMs: count,
  /** Of all places for browsers, how many are taken, in hundredths. */
  loadPercent: v.pipe(count, v.maxValue(100)),
  /** Room for copies of what people share (copies.ts), in bytes; null: it keeps none. */
  copies: v.nullable(v.strictObject({ freeBytes: count, maxBytesEach: count })),
})

export type RelayStatusAnswer = v.InferOutput<typeof statusSchema>

const requestSchema = v.strictObject({ type: v.literal('status') })

const MAX_BYTES = 256

export const relayStatusRequest = codec(requestSchema, MAX_BYTES)
export const relayStatusResponse = codec<RelayStatusAnswer>(statusSchema, MAX_BYTES)

export const RELAY_STATUS: Question<{ type: 'status' }, RelayStatusAnswer> = {
  protocol: '/starling/status/1.0.0',
  request: relayStatusRequest,
  response: relayStatusResponse,
  maxRequestBytes: MAX_BYTES,
  maxResponseBytes: MAX_BYTES,
  timeoutMs: 10_000,
}
