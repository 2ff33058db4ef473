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
 *     share {paths, ref}                     ─►
 *                                            ◄─   done {ref, transfer}
 *                                            ◄─   transfer {transfer, shared, link}
 *     get {link, into, ref}                  ─►
 *                                            ◄─   done {ref, transfer}
 *                                            ◄─   transfer {transfer, getting} …, transfer {transfer, complete}
 *                                            ◄─   saved {transfer, into}
 *
 * Commands are obeyed one after the other, and each is answered by `done` or `error` with its `ref`. A message that is
 * not marked as read is told again at the next start, so a program that reads what it has dealt with misses nothing.
 */
import * as v from 'valibot'
import { MAX_EMOJI_BYTES, MAX_TEXT_BYTES, type DeliveryState } from '#lib/features/chat/api.ts'
import { MAX_CODE_CHARS } from '#lib/features/contacts/code.ts'
import type { ContactState, Path } from '#lib/features/contacts/api.ts'
import type { Transfer, TransferId } from '#lib/features/transfers/api.ts'
import { check } from '#lib/protocol/check.ts'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import { isPeerId, parseMessageId, type MessageId, type PeerIdString } from '#lib/protocol/ids.ts'

/** Longest command in bytes: JSON writes a character of one byte in up to six. */
export const MAX_LINE_BYTES = 6 * MAX_TEXT_BYTES + 4 * 1024

/** Longest `intent` and `ref`, in UTF-16 units: as in chat. */
const MAX_WORD_CHARS = 200

/** Longest path of this machine and longest link, in UTF-16 units. */
const MAX_PLACE_CHARS = 4_096

/** Files and folders in one command; folders may have many more files in them. */
const MAX_PATHS = 1_000

const peer = v.custom<PeerIdString>(isPeerId, 'not a peer id')
const messageId = v.custom<MessageId>(isMessageId, 'not a message id')
const word = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_WORD_CHARS))
const ref = v.optional(word)
const place = v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_PLACE_CHARS))
const password = v.optional(word)
/** What `done` and `transfer` call it. */
const transfer = word

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
  /** Makes a link to files and folders of this machine. */
  v.strictObject({
    type: v.literal('share'),
    paths: v.pipe(v.array(place), v.minLength(1), v.maxLength(MAX_PATHS)),
    description: v.optional(v.string()),
    /** Nobody is given it from so long on. */
    expiresAfterMs: v.optional(v.number()),
    /** Needed beside the link. */
    password,
    /** So many people are given it. */
    downloadLimit: v.optional(v.number()),
    /** A relay is asked to keep a copy for so long. */
    copyForMs: v.optional(v.number()),
    ref,
  }),
  /** Gets what a link leads to. The same link again is the same transfer. */
  v.strictObject({
    type: v.literal('get'),
    link: place,
    password,
    /** A folder of this machine where it is written once all is here; without one it is only kept, and given on. */
    into: v.optional(place),
    /** Files that are there already are replaced; otherwise nothing is written when there is one. */
    replace: v.optional(v.boolean()),
    ref,
  }),
  /** Tells each transfer anew, with its link as it is now. */
  v.strictObject({ type: v.literal('transfers'), ref }),
  /** Gets no more of it for now, or gives no more of it: whoever gets it waits. */
  v.strictObject({ type: v.literal('pause'), transfer, ref }),
  /** Goes on, also after a failure. */
  v.strictObject({ type: v.literal('resume'), transfer, ref }),
  /** Whether others are given what it got. */
  v.strictObject({ type: v.literal('pass-on'), transfer, on: v.boolean(), ref }),
  /** Gives it to nobody any more. */
  v.strictObject({ type: v.literal('revoke'), transfer, ref }),
  /** Takes it out. What was written into a folder stays. */
  v.strictObject({ type: v.literal('remove'), transfer, ref }),
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

/** What changes of a transfer at most once for each hundredth of it. */
export interface TransferEvent extends Pick<
  Transfer,
  | 'role'
  | 'name'
  | 'files'
  | 'bytes'
  | 'state'
  | 'problem'
  | 'verifiedBytes'
  | 'givenBytes'
  | 'bytesPerSecond'
  | 'sources'
  | 'readers'
> {
  transfer: TransferId
  /** Where others get it; null while it is read. */
  link: string | null
}

export type Event =
  /** Before all else, with `--relay-for-others`: what friends add as a relay of theirs. */
  | { type: 'relay'; address: string }
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
      /** Empty where a file comes without words. */
      text: string
      /** The file that came with it, as they describe it; null when there is none. */
      file: { name: string; mediaType: string; bytes: number } | null
      /** The message it answers. */
      reply: MessageId | null
      /** By their clock. */
      sentAtMs: number
    }
  /** A message of mine has come so far. States may be left out when the next is reached at once. */
  | { type: 'state'; to: PeerIdString; id: MessageId; state: DeliveryState }
  /** Something shared or got: at the start, when its state changes, and as it goes on. */
  | ({ type: 'transfer' } & TransferEvent)
  /** All files of it are in this folder, written and named. */
  | { type: 'saved'; transfer: TransferId; into: string; files: number }
  | { type: 'done'; ref?: string; id?: MessageId; peer?: PeerIdString; transfer?: TransferId }
  /**
   * `name` is that of the error's class and does not change; `message` is for people. With `transfer`: it was not
   * written into its folder.
   */
  | { type: 'error'; ref?: string; transfer?: TransferId; name: string; message: string }

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
