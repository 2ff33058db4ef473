/**
 * What is sealed: a byte 00 and an envelope (envelope.ts), or a byte 01 and a note.
 *
 * Notes go through mailboxes, in the place of what a channel says in frames (frames.ts). One may be lost, doubled, or
 * overtaken by later ones: relays give what they have in an order of their own.
 *
 *     status  how far I hold and have read your chain, as `hello` and `want` say it; `lost` when what you sealed does not
 *             open here: then seal all that I do not hold once more. Its number tells which was written later, by
 *             generation of the installation (db/device.ts) and count: one back from a backup holds less than it once
 *             said, and counts anew. `anew` answers what said `lost`, which until then is said again to who says so, too
 *     hello   of the contacts' protocol, byte for byte
 *
 * Either tells where to write to me from now on.
 */
import * as v from 'valibot'
import type { NoteNumber } from '../db/schema.ts'
import { codec } from '../protocol/codec.ts'
import { InvalidDataError } from '../protocol/errors.ts'
import { bytesSchema } from '../protocol/schemas.ts'
import { chainSchema, numberSchema } from './frames.ts'
import { MAX_PLACE_BYTES, placeSchema } from '../protocol/place.ts'

/** A note's number with its writer. */
const noteNumberSchema: v.GenericSchema<unknown, NoteNumber> = v.strictTuple([
  numberSchema,
  numberSchema,
])

/** Longest hello in bytes. */
export const MAX_HELLO_BYTES = 1_024

const MESSAGE = 0
const NOTE = 1

const noteSchema = v.variant('type', [
  v.strictObject({
    type: v.literal('status'),
    /** Absent in those of before they had one. */
    number: v.exactOptional(noteNumberSchema),
    /** The latest of yours for which all was sealed anew; absent while there was none. */
    anew: v.exactOptional(noteNumberSchema),
    yours: v.nullable(
      v.strictObject({ chain: chainSchema, received: numberSchema, read: numberSchema }),
    ),
    /** Numbers of your chain that are missing here, both ends included. */
    want: v.nullable(v.strictObject({ first: numberSchema, last: numberSchema })),
    lost: v.boolean(),
    place: placeSchema,
  }),
  v.strictObject({
    type: v.literal('hello'),
    hello: bytesSchema(MAX_HELLO_BYTES),
    place: placeSchema,
  }),
])

export type Note = v.InferOutput<typeof noteSchema>

export type StatusNote = Extract<Note, { type: 'status' }>

const noteCodec = codec<Note>(noteSchema, MAX_HELLO_BYTES + MAX_PLACE_BYTES + 512)

export type Content = { type: 'message'; envelope: Uint8Array } | { type: 'note'; note: Note }

/** @throws InvalidDataError, LimitExceededError */
export function encodeContent(content: Content): Uint8Array {
  return content.type === 'message'
    ? prefixed(MESSAGE, content.envelope)
    : prefixed(NOTE, noteCodec.encode(content.note))
}

/** @throws InvalidDataError, LimitExceededError */
export function decodeContent(bytes: Uint8Array): Content {
  const rest = bytes.subarray(1)
  switch (bytes[0]) {
    case MESSAGE:
      return { type: 'message', envelope: rest }
    case NOTE:
      return { type: 'note', note: noteCodec.decode(rest) }
    default:
      throw new InvalidDataError('neither a message nor a note')
  }
}

function prefixed(kind: number, bytes: Uint8Array): Uint8Array {
  const content = new Uint8Array(1 + bytes.byteLength)
  content[0] = kind
  content.set(bytes, 1)
  return content
}
