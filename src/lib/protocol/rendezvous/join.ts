/**
 * Rendezvous: two peers that share no other path are joined at a relay, by a WebSocket of each to `/p2p`.
 *
 * 1. The relay says `challenge`: who it is, and 32 random bytes.
 * 2. The peer answers with the ticket and its signature over both (`joinProof`).
 * 3. When the other one has done so, too, the relay says `joined` to both. Every message from then on is bytes of the one for the
 *    other: an ordinary libp2p connection, encrypted by Noise between the two. Whom the ticket names as `from` dials.
 *
 * Messages are binary. A relay that refuses closes the WebSocket with one of the codes below, and says no more: a ticket that was never
 * issued, one that is over and one of others look the same.
 *
 * Who is asked for hears of it by `/starling/rendezvous/1.0.0`: the relay opens a stream on the connection it has with them, and sends the
 * ticket, after its length as an unsigned varint.
 */
import * as v from 'valibot'
import { codec } from '../codec.ts'
import { publicKeyOf } from '../ids.ts'
import { bytesSchema, peerIdSchema } from '../schemas.ts'
import { signed } from '../signed.ts'
import { MAX_TICKET_BYTES } from './ticket.ts'

/** Where the WebSocket of a relay is. */
export const RENDEZVOUS_PATH = '/p2p'

/** How a relay tells somebody that they are asked for. */
export const RENDEZVOUS_PROTOCOL = '/starling/rendezvous/1.0.0'

/** How long who came first waits for the other, ms: two slow dials. */
export const RENDEZVOUS_WAIT_MS = 30_000

/** Longest message once two are joined, in bytes: the largest that libp2p writes at a time. */
export const MAX_RENDEZVOUS_MESSAGE_BYTES = 64 * 1_024

/** The ticket or the proof does not hold. */
export const RENDEZVOUS_REFUSED_CODE = 4_403

/** The other one did not come. */
export const RENDEZVOUS_ALONE_CODE = 4_408

/** No place is left, for this peer or for anybody. */
export const RENDEZVOUS_FULL_CODE = 4_429

export const CHALLENGE_BYTES = 32

const wordSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('challenge'),
    relay: peerIdSchema,
    challenge: bytesSchema(CHALLENGE_BYTES, CHALLENGE_BYTES),
  }),
  v.strictObject({ type: v.literal('joined') }),
])

/** What a relay says before two are joined. */
export type RendezvousWord = v.InferOutput<typeof wordSchema>

export const rendezvousWord = codec<RendezvousWord>(wordSchema, 160)

const proofSchema = v.strictObject({
  /** As the challenge said, so that no other relay can use the signature. */
  relay: peerIdSchema,
  peer: peerIdSchema,
  challenge: bytesSchema(CHALLENGE_BYTES, CHALLENGE_BYTES),
  ticket: bytesSchema(MAX_TICKET_BYTES),
})

export type JoinProof = v.InferOutput<typeof proofSchema>

const MAX_PROOF_BODY_BYTES = MAX_TICKET_BYTES + 224

/** Longest proof as sent, in bytes, its signature included. */
export const MAX_PROOF_BYTES = MAX_PROOF_BODY_BYTES + 80

/** Signed by the peer that joins. */
export const joinProof = signed<JoinProof>({
  context: 'starling-rendezvous-join',
  schema: proofSchema,
  maxBytes: MAX_PROOF_BODY_BYTES,
  signedBy: ({ peer }) => publicKeyOf(peer),
})
