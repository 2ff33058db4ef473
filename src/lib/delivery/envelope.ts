/**
 * A message as it is hashed, sealed and sent: the list of chain (16 bytes), sequence, hash of the message
 * before it in the chain or null, hash of the newest message known from the other side or null, Lamport clock,
 * the sender's time, payload; in canonical DAG-CBOR. In the place of a payload may stand, in a list,
 *
 *     its id                 of a message that was taken back before it came: who lacks it can follow the chain, and
 *                            what it said is nowhere any more
 *     null and an envelope   of a message of a chain that has ended, carried in the next one (renew.ts): it keeps its
 *                            id, and who has it already knows it by that
 *
 * Its id is SHA-256 over the sender's public key, the recipient's and these bytes, so the same bytes in another
 * conversation are another message. Messages are shown in the order of (clock, id): the same on both sides, and
 * never against cause and effect, because a message's clock is larger than that of all its writer had seen.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { base64url } from 'multiformats/bases/base64'
import * as v from 'valibot'
import { codec } from '../protocol/codec.ts'
import { InvalidDataError } from '../protocol/errors.ts'
import {
  chainIdOf,
  messageIdOf,
  publicKeyOf,
  type ChainId,
  type MessageId,
  type PeerIdString,
} from '../protocol/ids.ts'
import { bytesSchema, timeMsSchema } from '../protocol/schemas.ts'

/** Longest payload of any feature in bytes: a text of 16 KiB and what wraps it. */
export const MAX_PAYLOAD_BYTES = 17 * 1024

/** What an envelope adds to its payload at most. */
const ENVELOPE_OVERHEAD_BYTES = 160

/** Longest envelope in bytes that carries no other. */
const MAX_PLAIN_ENVELOPE_BYTES = MAX_PAYLOAD_BYTES + ENVELOPE_OVERHEAD_BYTES

/** Longest envelope in bytes. */
export const MAX_ENVELOPE_BYTES = MAX_PLAIN_ENVELOPE_BYTES + ENVELOPE_OVERHEAD_BYTES

export interface Envelope {
  chain: ChainId
  /** Place in the chain, from 1. */
  sequence: number
  /** The message before this one in its chain; null for the first. */
  previous: MessageId | null
  /** The newest message of the other side that the sender held; null when none. */
  parent: MessageId | null
  /** Lamport clock, from 1. */
  clock: number
  /** By the sender's wall clock: for display, and to tell which of two chains is the later. */
  sentAtMs: number
  payload: Uint8Array | Carried | Erased
}

/** A message of an ended chain. */
export interface Carried {
  /** Its envelope, which carries no other. */
  envelope: Uint8Array
}

/** What is left of a message that was taken back. */
export interface Erased {
  /** Its id, which nothing of it is left to tell from. */
  id: MessageId
}

const hashSchema = v.nullable(bytesSchema(32, 32))
const countSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(1))

const payloadSchema = v.union([
  bytesSchema(MAX_PAYLOAD_BYTES),
  v.strictTuple([v.null(), bytesSchema(MAX_PLAIN_ENVELOPE_BYTES)]),
  v.strictTuple([bytesSchema(32, 32)]),
])

const wire = codec(
  v.strictTuple([
    bytesSchema(16, 16),
    countSchema,
    hashSchema,
    hashSchema,
    countSchema,
    timeMsSchema,
    payloadSchema,
  ]),
  MAX_ENVELOPE_BYTES,
)

/** @throws LimitExceededError, InvalidDataError */
export function encodeEnvelope(envelope: Envelope): Uint8Array<ArrayBuffer> {
  const { chain, sequence, previous, parent, clock, sentAtMs, payload } = envelope
  return wire.encode([
    bytesOf(chain),
    sequence,
    previous === null ? null : bytesOf(previous),
    parent === null ? null : bytesOf(parent),
    clock,
    sentAtMs,
    spelled(payload),
  ])
}

/** @throws LimitExceededError, InvalidDataError */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const [chain, sequence, previous, parent, clock, sentAtMs, payload] = wire.decode(bytes)
  return {
    chain: chainIdOf(chain),
    sequence,
    previous: previous === null ? null : messageIdOf(previous),
    parent: parent === null ? null : messageIdOf(parent),
    clock,
    sentAtMs,
    payload: meant(payload),
  }
}

function spelled(payload: Envelope['payload']): v.InferOutput<typeof payloadSchema> {
  if (payload instanceof Uint8Array) return payload
  return 'id' in payload ? [bytesOf(payload.id)] : [null, payload.envelope]
}

function meant(payload: v.InferOutput<typeof payloadSchema>): Envelope['payload'] {
  if (payload instanceof Uint8Array) return payload
  return payload.length === 1 ? { id: messageIdOf(payload[0]) } : { envelope: payload[1] }
}

/** What carries the message with these envelope bytes, which may itself be carried, or erased. */
export function carrying(envelope: Uint8Array): Carried | Erased {
  const { payload } = decodeEnvelope(envelope)
  return payload instanceof Uint8Array ? { envelope } : payload
}

/** What a message of theirs says: the one that came, or the one it carries. */
export interface Said {
  id: MessageId
  clock: number
  sentAtMs: number
  payload: Uint8Array
}

/**
 * Null when it was erased.
 * @param id of the envelope
 * @throws InvalidDataError, LimitExceededError when what it carries is none or of later
 */
export function saidIn(
  sender: PeerIdString,
  recipient: PeerIdString,
  id: MessageId,
  { clock, sentAtMs, payload }: Envelope,
): Said | null {
  if (payload instanceof Uint8Array) return { id, clock, sentAtMs, payload }
  if ('id' in payload) return null
  const before = decodeEnvelope(payload.envelope)
  if (!(before.payload instanceof Uint8Array) || before.clock >= clock) {
    throw new InvalidDataError('carries what it cannot')
  }
  return {
    id: messageId(sender, recipient, payload.envelope),
    clock: before.clock,
    sentAtMs: before.sentAtMs,
    payload: before.payload,
  }
}

/** The envelope without what it says. */
export function erased(envelope: Envelope, id: MessageId): Envelope {
  return { ...envelope, payload: { id } }
}

/** The id of any message: told by its bytes, or by what is left in its place. */
export function idOf(
  sender: PeerIdString,
  recipient: PeerIdString,
  bytes: Uint8Array,
  { payload }: Envelope,
): MessageId {
  const erasedId = payload instanceof Uint8Array || !('id' in payload) ? null : payload.id
  return erasedId ?? messageId(sender, recipient, bytes)
}

/** The id of the message with these envelope bytes, not erased. */
export function messageId(
  sender: PeerIdString,
  recipient: PeerIdString,
  envelope: Uint8Array,
): MessageId {
  const hash = sha256
    .create()
    .update(publicKeyOf(sender))
    .update(publicKeyOf(recipient))
    .update(envelope)
  return messageIdOf(hash.digest())
}

function bytesOf(id: ChainId | MessageId): Uint8Array {
  return base64url.decode(`u${id}`)
}
