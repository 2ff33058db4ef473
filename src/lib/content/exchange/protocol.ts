/**
 * `/starling/blocks/1.0.0`: getting parts of contents from each other.
 *
 * The reader opens a **topic** for a content, a number of its own choosing, and asks under it; the source says what it
 * has, and gives. When both lack something, each opens a topic of its own. A source that lacks nothing opens one as well
 * once the reader is interested, and asks for nothing under it: so it knows what the reader has, whoever gave it.
 *
 *     reader                                source
 *     open {topic, content}        ────►
 *                                  ◄────    has {topic, page, bits}…   or   refused {topic, reason}
 *                                  ◄────    choke {topic, choked: false}
 *     interest {topic, interested} ────►    (has something the reader lacks, or not any more)
 *     ask {topic, parts}           ────►
 *                                  ◄────    part: topic, kind, index, bytes
 *     drop {topic, parts}          ────►    (not needed any more)
 *                                  ◄────    reject {topic, parts}     (are not given for this ask)
 *                                  ◄────    gained {topic, leaves}     (has them by now, too)
 *                                  ◄────    suggest {topic, leaves}    (gave them to hardly anybody yet)
 *     close {topic}                ────►
 *
 * - Each ask is answered once (as in the fast extension of BitTorrent, BEP 6): by the part, by `lacks` where the source has
 *   it not, or by `reject`. So the reader knows what may still come, and need not ask somebody else for it as well.
 * - A source gives leaves to some readers at a time, and chokes the others: the leaves these ask for are rejected, and so are
 *   those a reader waits for when it is choked. Manifest and lists are given to everybody. What is dropped is rejected, unless
 *   it is already on its way.
 *   Whoever opens a topic is choked until told otherwise, and counts as not interested.
 * - Somebody who has no manifest yet knows of no leaves: it asks for the manifest, then for lists and leaves. It is
 *   told what the source has as soon as it opens. Who wants to know no more than that closes then.
 * - A frame is a kind byte and either a message in canonical DAG-CBOR (00) or a part (01): three unsigned varints, of
 *   the topic, the kind (0 manifest, 1 list, 2 leaf) and the index, and the bytes as they are. Nothing is copied into CBOR.
 *
 * Nothing here is believed: a part counts once its hash is right, and who gives one with a wrong hash is banned.
 */
import { varint } from 'multiformats'
import * as v from 'valibot'
import { codec } from '../../protocol/codec.ts'
import { InvalidDataError } from '../../protocol/errors.ts'
import { bytesSchema } from '../../protocol/schemas.ts'
import { parseContentId, type ContentId } from '../content-id.ts'
import { LIST_HASHES, MAX_LEAF_BYTES, MAX_LEAVES } from '../manifest.ts'
import type { Part, PartKind } from '../parts.ts'

export const BLOCKS_PROTOCOL = '/starling/blocks/1.0.0'

/** Topics one reader has open on a channel: contents it gets at once. */
export const MAX_TOPICS = 256

/** Parts asked for and not yet given, under one topic: 32 MiB of chunks, a second at 250 Mbit/s. */
export const MAX_ASKED = 128

/** Leaves one page of `has` tells of: 512 bytes. */
export const PAGE_LEAVES = LIST_HASHES

/** Leaves named in one message. */
export const MAX_NAMED = 512

/** Longest message: a full page, or the most leaves named, nine bytes each with what is around them. */
const MAX_MESSAGE_BYTES = 8 * 1024

/** Kind byte and three varints of up to five bytes. */
const MAX_HEAD_BYTES = 16

export const MAX_BLOCKS_FRAME_BYTES = MAX_LEAF_BYTES + MAX_HEAD_BYTES

const MESSAGE = 0
const PART = 1

const KINDS: readonly PartKind[] = ['manifest', 'list', 'leaf']

const integer = (max: number): v.GenericSchema<unknown, number> =>
  v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(max))

const topic = integer(2 ** 31 - 1)
const leaf = integer(MAX_LEAVES - 1)
const partKind = v.picklist(KINDS)
const parts = v.pipe(
  v.array(v.strictTuple([partKind, leaf])),
  v.minLength(1),
  v.maxLength(MAX_ASKED),
)

const contentId = v.custom<ContentId>((value) => {
  try {
    parseContentId(value)
    return true
  } catch {
    return false
  }
}, 'not a content id')

/** Why a source does not give. `unknown`: it has it not, or not any more, or never tells. */
const refusal = v.picklist(['unknown', 'revoked', 'expired', 'limit-reached', 'busy'])

export type Refusal = v.InferOutput<typeof refusal>

const message = v.variant('type', [
  v.strictObject({ type: v.literal('open'), topic, content: contentId }),
  v.strictObject({ type: v.literal('ask'), topic, parts }),
  v.strictObject({ type: v.literal('drop'), topic, parts }),
  v.strictObject({ type: v.literal('interest'), topic, interested: v.boolean() }),
  v.strictObject({ type: v.literal('close'), topic }),
  v.strictObject({
    type: v.literal('has'),
    topic,
    /** Leaves from `page * PAGE_LEAVES` on, a bit each; null: it has all leaves there are. */
    page: v.nullable(integer(MAX_LEAVES / PAGE_LEAVES - 1)),
    bits: bytesSchema(PAGE_LEAVES / 8),
  }),
  v.strictObject({
    type: v.literal('gained'),
    topic,
    leaves: v.pipe(v.array(leaf), v.minLength(1), v.maxLength(MAX_NAMED)),
  }),
  v.strictObject({
    type: v.literal('suggest'),
    topic,
    leaves: v.pipe(v.array(leaf), v.minLength(1), v.maxLength(MAX_ASKED)),
  }),
  v.strictObject({ type: v.literal('choke'), topic, choked: v.boolean() }),
  v.strictObject({ type: v.literal('reject'), topic, parts }),
  v.strictObject({ type: v.literal('lacks'), topic, kind: partKind, index: leaf }),
  v.strictObject({ type: v.literal('refused'), topic, reason: refusal }),
])

export type BlocksMessage = v.InferOutput<typeof message>

const messages = codec<BlocksMessage>(message, MAX_MESSAGE_BYTES)

/** What one frame says. */
export type BlocksFrame =
  BlocksMessage | ({ type: 'part'; topic: number; bytes: Uint8Array<ArrayBuffer> } & Part)

/** A part as messages name it. */
export function pairOf({ kind, index }: Part): [PartKind, number] {
  return [kind, index]
}

/** @throws InvalidDataError, LimitExceededError when the message breaks its own rules */
export function encodeMessage(value: BlocksMessage): Uint8Array<ArrayBuffer> {
  const body = messages.encode(value)
  const frame = new Uint8Array(1 + body.byteLength)
  frame[0] = MESSAGE
  frame.set(body, 1)
  return frame
}

export function encodePart(
  topicNumber: number,
  { kind, index }: Part,
  bytes: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const head = [topicNumber, KINDS.indexOf(kind), index]
  const headBytes = head.reduce((sum, each) => sum + varint.encodingLength(each), 1)
  const frame = new Uint8Array(headBytes + bytes.byteLength)
  frame[0] = PART
  let offset = 1
  for (const each of head) {
    varint.encodeTo(each, frame, offset)
    offset += varint.encodingLength(each)
  }
  frame.set(bytes, offset)
  return frame
}

/** @throws InvalidDataError, LimitExceededError */
export function decodeFrame(frame: Uint8Array<ArrayBuffer>): BlocksFrame {
  if (frame[0] === MESSAGE) return messages.decode(frame.subarray(1))
  if (frame[0] !== PART) throw new InvalidDataError('unknown kind of frame')
  const head: number[] = []
  let offset = 1
  while (head.length < 3) {
    const [value, length] = decodeVarint(frame.subarray(offset, offset + 5))
    head.push(value)
    offset += length
  }
  const [topicNumber, kindNumber, index] = head as [number, number, number]
  const kind = KINDS[kindNumber]
  if (kind === undefined || topicNumber > 2 ** 31 - 1 || index >= MAX_LEAVES) {
    throw new InvalidDataError('no such part')
  }
  return { type: 'part', topic: topicNumber, kind, index, bytes: frame.subarray(offset) }
}

function decodeVarint(bytes: Uint8Array): [number, number] {
  try {
    const [value, length] = varint.decode(bytes)
    // One spelling for each number.
    if (length === varint.encodingLength(value)) return [value, length]
  } catch {
    // Told below.
  }
  throw new InvalidDataError('not a number')
}
