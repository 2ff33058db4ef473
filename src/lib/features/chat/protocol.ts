/**
 * `/starling/chat/2.0.0`: texts between two people who have each other.
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
 *
 * A message's payload is `{type: 'text', text}`: text of 1 to 16 KiB in UTF-8, without halves of surrogate
 * pairs. A channel ends at a frame or payload of another shape, a fork of the chain, or a clock that runs
 * ahead. What was under way is sent again, byte for byte the same, on the next.
 */
import * as v from 'valibot'
import { codec } from '../../protocol/codec.ts'
import { MAX_TEXT_BYTES } from './api.ts'

export const CHAT_PROTOCOL = '/starling/chat/2.0.0'

const payloadSchema = v.strictObject({
  type: v.literal('text'),
  text: v.pipe(
    v.string(),
    v.minLength(1),
    v.maxBytes(MAX_TEXT_BYTES),
    v.check((text) => text.isWellFormed(), 'not well-formed'),
  ),
})

export type Payload = v.InferOutput<typeof payloadSchema>

export const payloadCodec = codec<Payload>(payloadSchema, MAX_TEXT_BYTES + 64)
