/**
 * `/starling/chat/2.0.0`: texts between two people who have each other, and what becomes of them.
 *
 * One long-lived channel per peer, accepted only while both are contacts of each other. On it run the frames of
 * delivery (delivery/frames.ts): each side says `hello` with how far it holds the other's chain, sends what the
 * other lacks as `message`, and tells with `ack` what is durable here and with `read` what was on the screen.
 *
 *     Anna                                   Ben
 *     hello {mine: A 7, yours: B 3}   ⇄      hello {mine: B 4, yours: A 5, read 5}
 *     message A 6, message A 7        ─►
 *                                     ◄─     message B 4
 *     ack B 4                         ─►     (durable at Anna: Ben shows "delivered")
 *                                     ◄─     ack A 7, read A 7
 *     typing                          ─►     (shown for a few seconds, kept nowhere)
 *
 * A message's payload is one of
 *
 *     text       1 to 16 KiB in UTF-8, without halves of surrogate pairs; may answer another message (`reply`), come
 *                from another conversation (`forwarded`), and disappear: so long after it was sent here, and after it
 *                was read there. With a file (`attachment`) it is 0 to 8 KiB
 *     edit       what a text of mine says from now on
 *     delete     a text of mine is taken back: who holds it keeps only that there was one
 *     react      my one emoji on a text of either side, or null for none
 *     disappear  how long texts last that are sent from now on, by both; 0: for ever
 *
 * The last four name a message by its id and are messages themselves: sealed, ordered, acknowledged and sent again like
 * texts. They are not counted as unread. What they do does not depend on the order they come in (changes.ts), and one
 * that may not do what it says, or whose message is not here, does nothing.
 *
 * An attachment says which content holds the file, alone, and what opens it (lib/content); how it looks before it is here;
 * and what it is called. Its bytes go over `/starling/blocks/1.0.0`, from whoever of the two has them.
 *
 * A channel ends at a frame or payload of another shape, a fork of the chain, or a clock that runs ahead. What was
 * under way is sent again on the next, byte for byte the same, unless it was taken back meanwhile (envelope.ts).
 */
import * as v from 'valibot'
import { MAX_MEDIA_TYPE_CHARS } from '../../content/about.ts'
import { CONTENT_KEY_BYTES } from '../../content/chunk-cipher.ts'
import { HASH_BYTES } from '../../content/content-id.ts'
import { isFileName } from '../../content/paths.ts'
import { codec } from '../../protocol/codec.ts'
import { bytesSchema, messageIdSchema } from '../../protocol/schemas.ts'
import {
  DISAPPEAR_AFTER_MS,
  MAX_CAPTION_BYTES,
  MAX_EMOJI_BYTES,
  MAX_SIDE_PX,
  MAX_TEXT_BYTES,
  MAX_THUMBNAIL_BYTES,
  MAX_VOICE_MS,
  WAVEFORM_BARS,
} from './api.ts'

export const CHAT_PROTOCOL = '/starling/chat/2.0.0'

const wellFormed = v.check<string, string>((text) => text.isWellFormed(), 'not well-formed')
const captionSchema = v.pipe(v.string(), v.maxBytes(MAX_TEXT_BYTES), wellFormed)
const textSchema = v.pipe(v.string(), v.minLength(1), v.maxBytes(MAX_TEXT_BYTES), wellFormed)

/** Which emoji there are is not for the decoder to say: Unicode gets new ones, and a channel must not end at one. */
const emojiSchema = v.pipe(v.string(), v.minLength(1), v.maxBytes(MAX_EMOJI_BYTES), wellFormed)

const count = (max: number, min = 0) =>
  v.pipe(v.number(), v.safeInteger(), v.minValue(min), v.maxValue(max))
const side = count(MAX_SIDE_PX, 1)

const file = {
  /** SHA-256 of the content's manifest. */
  content: bytesSchema(HASH_BYTES, HASH_BYTES),
  key: bytesSchema(CONTENT_KEY_BYTES, CONTENT_KEY_BYTES),
  name: v.pipe(v.string(), v.check(isFileName, 'not the name of a file')),
  mediaType: v.pipe(v.string(), v.maxLength(MAX_MEDIA_TYPE_CHARS), v.regex(/^[\x21-\x7E ]*$/)),
  bytes: count(Number.MAX_SAFE_INTEGER),
}

const attachmentSchema = v.variant('kind', [
  v.strictObject({ kind: v.literal('file'), ...file }),
  v.strictObject({
    ...{ kind: v.literal('picture'), ...file },
    ...{ width: side, height: side, thumbnail: bytesSchema(MAX_THUMBNAIL_BYTES) },
  }),
  v.strictObject({
    ...{ kind: v.literal('voice'), ...file },
    ...{ durationMs: count(MAX_VOICE_MS), waveform: bytesSchema(WAVEFORM_BARS) },
  }),
])

const payloads = v.variant('type', [
  v.strictObject({
    type: v.literal('text'),
    text: captionSchema,
    attachment: v.exactOptional(attachmentSchema),
    reply: v.exactOptional(messageIdSchema),
    forwarded: v.exactOptional(v.literal(true)),
    disappearAfterMs: v.exactOptional(v.picklist(DISAPPEAR_AFTER_MS)),
  }),
  v.strictObject({ type: v.literal('edit'), message: messageIdSchema, text: textSchema }),
  v.strictObject({ type: v.literal('delete'), message: messageIdSchema }),
  v.strictObject({
    type: v.literal('react'),
    message: messageIdSchema,
    emoji: v.nullable(emojiSchema),
  }),
  v.strictObject({
    type: v.literal('disappear'),
    afterMs: v.union([v.literal(0), v.picklist(DISAPPEAR_AFTER_MS)]),
  }),
])

export type Payload = v.InferOutput<typeof payloads>

const payloadSchema = v.pipe(
  payloads,
  v.check(saysSomething, 'neither words nor a file, or too many words beside one'),
)

/** A file as it stands in a message. */
export type SentAttachment = v.InferOutput<typeof attachmentSchema>

/** What a text is sent with. */
export type TextPayload = Extract<Payload, { type: 'text' }>

/** What a payload does to a message that was sent before. */
export type Change = Extract<Payload, { type: 'edit' | 'delete' | 'react' }>

/** Longest payload in bytes: the longest text and what wraps it. */
const MAX_CHAT_PAYLOAD_BYTES = MAX_TEXT_BYTES + 256

export const payloadCodec = codec<Payload>(payloadSchema, MAX_CHAT_PAYLOAD_BYTES)

function saysSomething(payload: Payload): boolean {
  if (payload.type !== 'text') return true
  const { text, attachment } = payload
  if (attachment === undefined) return text !== ''
  return new TextEncoder().encode(text).byteLength <= MAX_CAPTION_BYTES
}
