/**
 * `/api/p2p/assist` of a relay: a peer that cannot reach another asks for whatever may help.
 *
 * `GET` tells the relay's time and its prekeys (`AssistGreeting`). `POST` takes a request that the peer has signed (`assistRequest`) and
 * sealed for these prekeys (`crypto/relay-seal.ts`), and answers with one that the relay has signed (`assistAnswer`), sealed for who asked;
 * all are `application/octet-stream`. So nobody between them, who may end TLS before the relay, learns who wants to reach whom. A request names the relay, a moment by
 * that relay's clock, and a nonce: it is answered within `ASSIST_WINDOW_MS` of that moment, once. What is refused has a status and
 * says why (`assistRefusal`).
 *
 * There is no private key in an answer: each peer makes its own (adr 0024). Nor is there anything of ICE but its servers: WebRTC makes `ufrag`
 * and `pwd` for each connection by itself, and one that others have chosen would be known to them.
 */
import * as v from 'valibot'
import { codec } from './codec.ts'
import {
  iceCredentialSchema,
  iceServerSchema,
  MAX_ICE_HOST_CHARS,
  MAX_ICE_LIFE_MS,
  MAX_ICE_SERVERS,
} from './ice.ts'
import { publicKeyOf } from './ids.ts'
import { MAX_TICKET_BYTES } from './rendezvous/ticket.ts'
import {
  addressSchema,
  bytesSchema,
  MAX_ADDRESS_CHARS,
  peerIdSchema,
  timeMsSchema,
} from './schemas.ts'
import { signed } from './signed.ts'

export const ASSIST_PATH = '/api/p2p/assist'

/** How far from the relay's clock a request may be, ms: one slow round trip, several times over. */
export const ASSIST_WINDOW_MS = 60_000

export const ASSIST_NONCE_BYTES = 16

/** Relays in an answer: the asked one and those that the peer was last at, or that it may be at. */
export const MAX_ASSIST_RELAYS = 8

/** Addresses of each. */
export const MAX_ASSIST_ADDRESSES = 4

/** Kinds of refusals in an answer: more than a relay counts. */
export const MAX_ASSIST_COUNTERS = 128

/** Longest prekeys of a relay, signed: see relay-prekeys.ts. */
export const MAX_RELAY_PREKEYS_BYTES = 1_536

/** By what a peer is connected to a relay. */
export const ASSIST_TRANSPORTS = ['websocket', 'http', 'webtransport', 'webrtc-direct'] as const

const greetingSchema = v.strictObject({
  relay: peerIdSchema,
  nowMs: timeMsSchema,
  prekeys: bytesSchema(MAX_RELAY_PREKEYS_BYTES),
})

export type AssistGreeting = v.InferOutput<typeof greetingSchema>

/** Longest greeting in bytes. */
export const MAX_ASSIST_GREETING_BYTES = MAX_RELAY_PREKEYS_BYTES + 160

export const assistGreeting = codec<AssistGreeting>(greetingSchema, MAX_ASSIST_GREETING_BYTES)

const requestSchema = v.pipe(
  v.strictObject({
    /** Who is asked: no other relay answers it. */
    relay: peerIdSchema,
    from: peerIdSchema,
    to: peerIdSchema,
    /** By the clock of the relay. */
    atMs: timeMsSchema,
    nonce: bytesSchema(ASSIST_NONCE_BYTES, ASSIST_NONCE_BYTES),
  }),
  v.check(({ from, to }) => from !== to, 'to reach oneself'),
)

export type AssistRequest = v.InferOutput<typeof requestSchema>

const MAX_REQUEST_BODY_BYTES = 256

/** Longest request in bytes, its signature included. */
const MAX_ASSIST_REQUEST_BYTES = MAX_REQUEST_BODY_BYTES + 80

/** A tag of ChaCha20-Poly1305. */
const TAG_BYTES = 16

/** Longest request as sent, in bytes: what it is sealed with is two keys and a tag. */
export const MAX_SEALED_ASSIST_BYTES = MAX_ASSIST_REQUEST_BYTES + TAG_BYTES + 1_136

/** Signed by who asks. */
export const assistRequest = signed<AssistRequest>({
  context: 'starling-assist-request',
  schema: requestSchema,
  maxBytes: MAX_REQUEST_BODY_BYTES,
  signedBy: ({ from }) => publicKeyOf(from),
})

const countSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

const answerSchema = v.strictObject({
  relay: peerIdSchema,
  /** Of the request, so that no answer passes for that to another. */
  nonce: bytesSchema(ASSIST_NONCE_BYTES, ASSIST_NONCE_BYTES),
  /** Where the peer may be met: relays that its record names first, then this one, then those this one has seen working, the latest first. */
  relays: v.pipe(
    v.array(
      v.strictObject({
        peer: peerIdSchema,
        /** `record`: the peer says that it is there. `asked`: the relay that answers. `known`: it may be. */
        why: v.picklist(['record', 'asked', 'known']),
        addresses: v.pipe(v.array(addressSchema), v.maxLength(MAX_ASSIST_ADDRESSES)),
      }),
    ),
    v.maxLength(MAX_ASSIST_RELAYS),
  ),
  /** STUN and TURN, as `/starling/ice/1.0.0` answers; null where the relay has none. */
  ice: v.nullable(
    v.strictObject({
      servers: v.pipe(v.array(iceServerSchema), v.maxLength(MAX_ICE_SERVERS)),
      username: iceCredentialSchema,
      password: iceCredentialSchema,
      lifeMs: v.pipe(countSchema, v.maxValue(MAX_ICE_LIFE_MS)),
    }),
  ),
  /** The ways this relay is reached by, the most used first. */
  transports: v.pipe(
    v.array(
      v.strictObject({
        transport: v.picklist(ASSIST_TRANSPORTS),
        /** Of 1,000 peers connected now, how many came by it; null where nobody is. A relay measures no more of ways: those who dial do. */
        perMille: v.nullable(v.pipe(countSchema, v.maxValue(1_000))),
        /** Median round trip of these, ms, where they are pinged, which are WebSockets; null where none was measured. */
        roundTripMs: v.nullable(countSchema),
      }),
    ),
    v.maxLength(ASSIST_TRANSPORTS.length),
  ),
  /** Repair of lost datagrams: none, as every way there is carries streams. */
  fec: v.literal('none'),
  /** Signed: relay-prekeys.ts. */
  prekeys: bytesSchema(MAX_RELAY_PREKEYS_BYTES),
  /** To be joined at `/p2p` (rendezvous/ticket.ts). */
  ticket: bytesSchema(MAX_TICKET_BYTES),
  /** Whether the other peer is connected here and has been sent the ticket, too. */
  invited: v.boolean(),
  /** What the relay has refused since it started, by the reason, where that is more than nothing. */
  refused: v.pipe(
    v.array(
      v.strictObject({
        reason: v.pipe(v.string(), v.maxLength(32), v.regex(/^[a-z-]+$/, 'not a reason')),
        times: countSchema,
      }),
    ),
    v.maxLength(MAX_ASSIST_COUNTERS),
  ),
})

export type AssistAnswer = v.InferOutput<typeof answerSchema>

const MAX_ANSWER_BODY_BYTES =
  MAX_ASSIST_RELAYS * (96 + MAX_ASSIST_ADDRESSES * (MAX_ADDRESS_CHARS + 4)) +
  MAX_ICE_SERVERS * (MAX_ICE_HOST_CHARS + 64) +
  MAX_ASSIST_COUNTERS * 64 +
  MAX_RELAY_PREKEYS_BYTES +
  MAX_TICKET_BYTES +
  1_024

/** Longest answer as sent, in bytes, its signature and seal included. */
export const MAX_ASSIST_ANSWER_BYTES = MAX_ANSWER_BODY_BYTES + 80 + TAG_BYTES

/** Signed by the relay. */
export const assistAnswer = signed<AssistAnswer>({
  context: 'starling-assist-answer',
  schema: answerSchema,
  maxBytes: MAX_ANSWER_BODY_BYTES,
  signedBy: ({ relay }) => publicKeyOf(relay),
})

const refusalSchema = v.strictObject({
  /**
   * `malformed` (400): no request. `proof` (401): not signed by who asks, or to another relay. `late` (409): not of this moment, for
   * other prekeys than those of now, or answered before. `busy` (429): too many of this peer or address; ask again in a minute. `starting` (503).
   */
  reason: v.picklist(['malformed', 'proof', 'late', 'busy', 'starting']),
})

export type AssistRefusal = v.InferOutput<typeof refusalSchema>

/** Longest refusal in bytes. */
export const MAX_ASSIST_REFUSAL_BYTES = 32

export const assistRefusal = codec<AssistRefusal>(refusalSchema, MAX_ASSIST_REFUSAL_BYTES)
