/**
 * What two sides of a delivery channel say. Each frame is canonical DAG-CBOR.
 *
 *     hello    first on every channel and whenever in doubt: my chain and how long it is, and how far I hold
 *              and have read yours. Answered by ack and read.
 *     message  one envelope (envelope.ts), sealed: the same bytes each time it is sent; its chain and number stand
 *              beside it, so that what is here already need not be opened
 *     ack      I hold your chain durably up to this number
 *     read     all up to this number was on my screen; left out, and 0 in hello, by who does not tell
 *     want     these numbers of your chain are missing here: send again from the first
 *     ask      I have nothing to seal with for you. Answered by keys
 *     typing   I am writing, or no longer; said now and then, never stored, never answered
 *     keys     what you need to begin a session with me; `anew` when I cannot open what you have sealed: then seal
 *              all that I do not hold once more
 *     device   which installation speaks, or that yours is not the newest (devices.ts)
 *     place    where I can be written to while I sleep (protocol/place.ts)
 *
 * Numbers are states that only grow, so a lost, doubled or late frame does no harm (docs/adr/0003). On hello, each
 * side sends what the other does not hold, at most `WINDOW` messages ahead of the last ack.
 */
import * as v from 'valibot'
import { codec } from '../protocol/codec.ts'
import { parseChainId, type ChainId } from '../protocol/ids.ts'
import { bytesSchema } from '../protocol/schemas.ts'
import { MAX_ENVELOPE_BYTES } from './envelope.ts'
import { MAX_ANNOUNCEMENT_BYTES } from './devices.ts'
import { MAX_KEYS_BYTES } from './keys.ts'
import { placeSchema } from '../protocol/place.ts'

/** What a sealer may add to the longest envelope, in bytes: its padding, and the head that begins a session. */
export const MAX_SEAL_OVERHEAD_BYTES = 5 * 1024

/** Longest frame in bytes: a sealed envelope and the frame's own keys. */
export const MAX_FRAME_BYTES = MAX_ENVELOPE_BYTES + MAX_SEAL_OVERHEAD_BYTES + 128

/** A chain id in text form. */
export const chainSchema = v.custom<ChainId>((value) => {
  try {
    parseChainId(value)
    return true
  } catch {
    return false
  }
}, 'not a chain id')

/** A number of a chain; 0 before the first message. */
export const numberSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(0))

const frameSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('hello'),
    mine: v.strictObject({ chain: chainSchema, sequence: numberSchema }),
    yours: v.nullable(
      v.strictObject({ chain: chainSchema, received: numberSchema, read: numberSchema }),
    ),
  }),
  v.strictObject({
    type: v.literal('message'),
    chain: chainSchema,
    sequence: numberSchema,
    sealed: bytesSchema(MAX_ENVELOPE_BYTES + MAX_SEAL_OVERHEAD_BYTES),
  }),
  v.strictObject({ type: v.literal('ack'), chain: chainSchema, received: numberSchema }),
  v.strictObject({ type: v.literal('read'), chain: chainSchema, read: numberSchema }),
  v.strictObject({
    type: v.literal('want'),
    chain: chainSchema,
    first: numberSchema,
    last: numberSchema,
  }),
  v.strictObject({ type: v.literal('ask') }),
  v.strictObject({ type: v.literal('typing'), on: v.boolean() }),
  v.strictObject({
    type: v.literal('keys'),
    keys: bytesSchema(MAX_KEYS_BYTES),
    anew: v.boolean(),
  }),
  v.strictObject({ type: v.literal('place'), place: placeSchema }),
  v.strictObject({
    type: v.literal('device'),
    announcement: bytesSchema(MAX_ANNOUNCEMENT_BYTES),
  }),
])

export type Frame = v.InferOutput<typeof frameSchema>

export const frameCodec = codec<Frame>(frameSchema, MAX_FRAME_BYTES)
