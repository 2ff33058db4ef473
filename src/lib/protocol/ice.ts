/**
 * STUN and TURN beside a relay: `/starling/ice/1.0.0`, asked of relays (question.ts).
 *
 * - `servers` → `servers` | `refused`. Where they listen and a name and password for TURN that hold for `lifeMs`: the
 *   asking peer's, made of a random handle, never of its peer id.
 *
 * A browser makes its own addresses known to the servers it uses, as it does to the relay that named them. A server without a
 * host is at the one by which the asking peer has reached the relay: a relay behind NAT does not know what that is.
 */
import * as v from 'valibot'
import { codec } from './codec.ts'
import type { Question } from './question.ts'

/** Servers in one answer: STUN; TURN by UDP, TCP and TLS; and as many again at a second address. */
export const MAX_ICE_SERVERS = 8

/** The longest host: https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4 */
export const MAX_ICE_HOST_CHARS = 253

/** The longest name or password: both are under 70 where a relay makes them. */
export const MAX_ICE_CREDENTIAL_CHARS = 128

/** The longest life of an answer that is believed, in ms; who asks later has slept. */
export const MAX_ICE_LIFE_MS = 24 * 60 * 60_000

/** Requests of one peer a minute: one when it comes, one every hour, and some tabs that are opened and closed. */
export const MAX_ICE_REQUESTS_PER_MINUTE = 12

const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])$/i

/** A name, an IPv4 address or an IPv6 address in brackets. */
export const iceHostSchema = v.pipe(
  v.string(),
  v.maxLength(MAX_ICE_HOST_CHARS),
  v.regex(HOST, 'not a host'),
)

/** One place where STUN or TURN is served. */
export const iceServerSchema = v.strictObject({
  /** `turns` is TURN over TLS. */
  scheme: v.picklist(['stun', 'turn', 'turns']),
  /** Null: the one by which the relay was reached. */
  host: v.nullable(iceHostSchema),
  port: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(65_535)),
  transport: v.picklist(['udp', 'tcp']),
})

/** A name or password for TURN. */
export const iceCredentialSchema = v.pipe(
  v.string(),
  v.nonEmpty(),
  v.maxLength(MAX_ICE_CREDENTIAL_CHARS),
  v.regex(/^[\x21-\x7e]+$/, 'not plain text'),
)

const requestSchema = v.strictObject({ type: v.literal('servers') })

const responseSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('servers'),
    servers: v.pipe(v.array(iceServerSchema), v.maxLength(MAX_ICE_SERVERS)),
    username: iceCredentialSchema,
    password: iceCredentialSchema,
    /** From now on, so that nobody's clock matters. */
    lifeMs: v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(MAX_ICE_LIFE_MS)),
  }),
  /** Too many requests: ask again in a minute. */
  v.strictObject({ type: v.literal('refused'), reason: v.literal('busy') }),
])

/** One place where STUN or TURN is served. */
export type IcePlace = v.InferOutput<typeof iceServerSchema>
export type IceRequest = v.InferOutput<typeof requestSchema>
export type IceResponse = v.InferOutput<typeof responseSchema>

const MAX_REQUEST_BYTES = 64
const MAX_RESPONSE_BYTES =
  MAX_ICE_SERVERS * (MAX_ICE_HOST_CHARS + 64) + 2 * MAX_ICE_CREDENTIAL_CHARS + 128

export const iceRequest = codec<IceRequest>(requestSchema, MAX_REQUEST_BYTES)
export const iceResponse = codec<IceResponse>(responseSchema, MAX_RESPONSE_BYTES)

export const ICE: Question<IceRequest, IceResponse> = {
  protocol: '/starling/ice/1.0.0',
  request: iceRequest,
  response: iceResponse,
  maxRequestBytes: MAX_REQUEST_BYTES,
  maxResponseBytes: MAX_RESPONSE_BYTES,
  timeoutMs: 10_000,
}

/** As WebRTC takes it: https://www.rfc-editor.org/rfc/rfc7064, https://www.rfc-editor.org/rfc/rfc7065 */
export function iceUrl({ scheme, host, port, transport }: IcePlace, relayHost: string): string {
  const place = `${scheme}:${host ?? relayHost}:${port}`
  // A `stun:` address says nothing of the transport: it is UDP.
  return scheme === 'stun' ? place : `${place}?transport=${transport}`
}
