/**
 * What a peer and the program that runs it say to each other: one JSON object a line.
 *
 *     program                                     peer
 *                                            ◄─   ready, then contact for each, message for each not read
 *     send {to, text, intent, ref}           ─►
 *                                            ◄─   done {ref, id}    durable here
 *                                            ◄─   state {id, stored}, state {id, delivered}, state {id, read}
 *                                            ◄─   message {from, id, text}
 *     read {from, id, ref}                   ─►
 *                                            ◄─   done {ref}
 *
 * Commands are obeyed one after the other, and each is answered by `done` or `error` with its `ref`. A message that is
 * not marked as read is told again at the next start, so a program that reads what it has dealt with misses nothing.
 */
import * as v from 'valibot'
import { MAX_EMOJI_BYTES, MAX_TEXT_BYTES, type DeliveryState } from '#lib/features/chat/api.ts'
import { MAX_CODE_CHARS } from '#lib/features/contacts/code.ts'
import type { ContactState, Path } from '#lib/features/contacts/api.ts'
import { check } from '#lib/protocol/check.ts'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import { isPeerId, parseMessageId, type MessageId, type PeerIdString } from '#lib/protocol/ids.ts'

/** Longest command in bytes: JSON writes a character of one byte in up to six. */
export const MAX_LINE_BYTES = 6 * MAX_TEXT_BYTES + 4 * 1024

/** Longest `intent` and `ref`, in UTF-16 units: as in chat. */
const MAX_WORD_CHARS = 200

const peer = v.custom<PeerIdString>(isPeerId, 'not a peer id')
const messageId = v.custom<MessageId>(isMessageId, 'not a message id')
const word = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_WORD_CHARS))
const ref = v.optional(word)

const commandSchema = v.variant('type', [
  /** The same `intent` sent again is the same message. Without one every command is a message of its own. */
  v.strictObject({
    type: v.literal('send'),
    to: peer,
    text: v.string(),
    intent: v.optional(word),
    /** The message it answers. */
    reply: v.optional(messageId),
    ref,
  }),
  /** What a message of mine says from now on, for both. */
  v.strictObject({ type: v.literal('edit'), to: peer, id: messageId, text: v.string(), ref }),
  /** Takes a message of mine back, from both. */
  v.strictObject({ type: v.literal('delete'), to: peer, id: messageId, ref }),
  /** My one emoji on a message of either side; null takes it away. */
  v.strictObject({
    type: v.literal('react'),
    to: peer,
    id: messageId,
    emoji: v.nullable(v.pipe(v.string(), v.maxBytes(MAX_EMOJI_BYTES))),
    ref,
  }),
  /** All messages of theirs up to this one were dealt with. */
  v.strictObject({ type: v.literal('read'), from: peer, id: messageId, ref }),
  v.strictObject({ type: v.literal('accept'), peer, ref }),
  v.strictObject({
    type: v.literal('add'),
    code: v.pipe(v.string(), v.maxLength(MAX_CODE_CHARS)),
    ref,
  }),
  v.strictObject({ type: v.literal('quit'), ref }),
])

export type Command = v.InferOutput<typeof commandSchema>

export interface CardEvent {
  peer: PeerIdString
  name: string
  /** The link that others open or paste. */
  card: string
  /** `peerid@multiaddr`. */
  plain: string
}

export type Event =
  /** Once, when a relay holds a place for the peer, or all have failed. */
  | ({ type: 'ready' } & CardEvent)
  /** The card has changed, as when another relay is there; the earlier one still leads here. */
  | ({ type: 'card' } & CardEvent)
  /** Somebody wants to be a contact. */
  | { type: 'request'; peer: PeerIdString; name: string }
  /** A contact, at the start and whenever something of this changes. */
  | { type: 'contact'; peer: PeerIdString; name: string; state: ContactState; path: Path }
  /** A message of theirs that is not read yet. */
  | {
      type: 'message'
      from: PeerIdString
      id: MessageId
      text: string
      /** The message it answers. */
      reply: MessageId | null
      /** By their clock. */
      sentAtMs: number
    }
  /** A message of mine has come so far. States may be left out when the next is reached at once. */
  | { type: 'state'; to: PeerIdString; id: MessageId; state: DeliveryState }
  | { type: 'done'; ref?: string; id?: MessageId; peer?: PeerIdString }
  /** `name` is that of the error's class and does not change; `message` is for people. */
  | { type: 'error'; ref?: string; name: string; message: string }

/** @param line null for one that is too long @throws InvalidDataError */
export function decodeCommand(line: string | null): Command {
  if (line === null) throw new InvalidDataError(`a line of more than ${MAX_LINE_BYTES} bytes`)
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (cause) {
    throw new InvalidDataError('not JSON', { cause })
  }
  return check(commandSchema, value)
}

/** The `ref` of a line that is no command, so that its sender knows which one it was. */
export function refOf(line: string | null): string | undefined {
  try {
    const value: unknown = JSON.parse(line ?? '')
    const result = v.safeParse(v.looseObject({ ref: word }), value)
    return result.success ? result.output.ref : undefined
  } catch {
    // No JSON, so there is none.
    return undefined
  }
}

function isMessageId(value: unknown): boolean {
  try {
    parseMessageId(value)
    return true
  } catch {
    return false
  }
}
