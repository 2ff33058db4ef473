/**
 * `/starling/contacts/1.0.0`: who has whom.
 *
 * The relation is a state, not a message (docs/adr/0002). Each side that has the other as a contact says `hello` with
 * its signed card when a channel opens, and again when its card or the relation changes. A stranger's hello
 * is a request. A hello from somebody I have is the confirmation: then both have each other. `mutual`
 * says whether the sender knows that already; if not, one who has the sender says hello in turn, once. Who
 * does not have the other is silent. Repeating a hello is harmless.
 *
 *     Anna has Ben's code                Ben
 *     hello {card, mutual: false} ─────► a request; Ben accepts
 *                                ◄───── hello {card, mutual: true}
 *     both have each other
 *
 * A frame is at most 1 KiB. One that does not decode, or holds a card that is not the peer's own, ends the
 * channel; so does the 31st within a minute.
 */
import * as v from 'valibot'
import { codec } from '../../protocol/codec.ts'
import { bytesSchema, timeMsSchema } from '../../protocol/schemas.ts'

export const CONTACTS_PROTOCOL = '/starling/contacts/1.0.0'

/** Longest frame in bytes: room for a card of a later version. */
export const MAX_CONTACTS_FRAME_BYTES = 1_024

/** Frames taken from one channel within a minute: a person renames, adds and removes less often. */
export const MAX_HELLOS_PER_MINUTE = 30

const helloSchema = v.strictObject({
  type: v.literal('hello'),
  /** The sender's card as bytes (card.ts). */
  card: bytesSchema(MAX_CONTACTS_FRAME_BYTES - 128),
  /** When the sender added the receiver, by the sender's clock: a later one asks anew. */
  sinceMs: timeMsSchema,
  /** Whether the sender knows that the receiver has it. */
  mutual: v.boolean(),
})

export type Hello = v.InferOutput<typeof helloSchema>

export const helloCodec = codec<Hello>(helloSchema, MAX_CONTACTS_FRAME_BYTES)
