import type { AbortOptions } from '../../rpc/api.ts'
import type { MessageId, PeerIdString } from '../../protocol/ids.ts'

/** Longest text of one message in UTF-8 bytes. */
export const MAX_TEXT_BYTES = 16 * 1024

/** Longest text beside an attachment in UTF-8 bytes. */
export const MAX_CAPTION_BYTES = 8 * 1024

/** Longest small picture that stands for a large one until that is here, in bytes. */
export const MAX_THUMBNAIL_BYTES = 4 * 1024

/** Longest side of a picture, in pixels: what WebP and JPEG have room for. */
export const MAX_SIDE_PX = 65_535

/** Longest voice message, in milliseconds. */
export const MAX_VOICE_MS = 60 * 60_000

/** Bars of a voice message's waveform, a byte each: 0 silent, 255 as loud as can be. */
export const WAVEFORM_BARS = 64

/** Longest emoji of a reaction in UTF-8 bytes: two people kissing, each of a skin tone, take 35. */
export const MAX_EMOJI_BYTES = 40

/** How long after it was sent a text may be changed, in milliseconds, by the clock of who wrote it. */
export const EDIT_WITHIN_MS = 48 * 60 * 60_000

/** How long texts may last, in milliseconds: an hour, a day, a week, four weeks. */
export const DISAPPEAR_AFTER_MS = [3_600_000, 86_400_000, 604_800_000, 2_419_200_000] as const

/** How long texts last; 0: for ever. */
export type Disappearing = (typeof DISAPPEAR_AFTER_MS)[number] | 0

/** With whom: a peer, or my own peer id for notes to self. */
export type ConversationId = PeerIdString

/**
 * True when shown: `queued` is durable here, `stored` at as many relays as are wanted, `delivered` on their device,
 * `read` was on their screen, or they went past it to the newest.
 */
export type DeliveryState = 'queued' | 'stored' | 'delivered' | 'read'

/** What a file is shown as: its place is known before any byte of it is here. */
export type Look =
  | { kind: 'file' }
  | {
      kind: 'picture'
      width: number
      height: number
      /** WebP or JPEG, at most `MAX_THUMBNAIL_BYTES`; empty when there is none. */
      thumbnail: Uint8Array
    }
  | { kind: 'voice'; durationMs: number; waveform: Uint8Array }

/** A file that goes with a message. Its bytes come by themselves, or when they are wanted. */
export type Attachment = Look & {
  /** A file's name, without folders. */
  name: string
  /** As its sender says: `image/jpeg`; empty when that was not known. */
  mediaType: string
  bytes: number
}

/** A file on its way out. */
export interface OutgoingFile {
  file: Blob
  name: string
  look: Look
  /** What is said beside it; may be empty. At most `MAX_CAPTION_BYTES`. */
  caption: string
}

/**
 * Where the bytes of an attachment are: `away` until somebody wants them, `getting`, `waiting` while nobody who has them
 * can be reached, `paused` by the person, `here`, or `failed` for want of room or because they are not what they were to be.
 */
export type AttachmentState = 'away' | 'getting' | 'waiting' | 'paused' | 'here' | 'failed'

export interface AttachmentProgress {
  state: AttachmentState
  /** Of what I sent and they have not got yet, as far as is known; else null. */
  onward: Onward | null
  /** Here and verified. */
  verifiedBytes: number
  /** What comes now. */
  bytesPerSecond: number
  /** Until all of it is here, at the present speed; null while that cannot be said. */
  msLeft: number | null
  /** Why it failed; null otherwise. */
  problem: 'storage-full' | 'damaged' | null
}

/**
 * How a file of mine comes to who has not got it yet: `getting` while they get it from me, `direct` while both are here, or
 * from a relay that gets (`copying`) or keeps (`kept`) a copy; `asking` while none of my relays has said yet whether it keeps
 * one.
 */
export type Onward =
  | {
      state: 'getting'
      /** How much of it they have, 0 to 1. */
      share: number
      /** Until they have all of it, as fast as it comes to them; null while that cannot be said. */
      msLeft: number | null
    }
  | { state: 'direct' | 'asking' }
  | { state: 'copying' | 'kept'; untilMs: number }

/** What stands for an attachment in a line: a list, a quote. */
export interface AttachmentLine {
  kind: Look['kind']
  name: string
  /** Of a voice message alone. */
  durationMs?: number
}

export interface Message {
  type: 'message'
  id: MessageId
  conversation: ConversationId
  mine: boolean
  /** What it says now; empty when it was deleted, or says nothing beside its attachment. */
  text: string
  attachment: Attachment | null
  /** The message it answers; null when it answers none. */
  reply: Quote | null
  /** Brought along from another conversation. */
  forwarded: boolean
  /** When it was changed last, by the sender's clock; null when it says what it always said. */
  editedAtMs: number | null
  /** Taken back by who wrote it: its text is on neither device any more. */
  deleted: boolean
  reactions: Reactions
  /** When it disappears here; null: never, or not read yet. */
  disappearsAtMs: number | null
  /** By the sender's clock; for display only. */
  sentAtMs: number
  receivedAtMs: number
  /** Of my own messages; null for theirs. */
  state: DeliveryState | null
  /** Theirs, and neither on my screen yet nor gone past. */
  unread: boolean
}

/** Each person's emoji on a message; null for none. */
export interface Reactions {
  mine: string | null
  theirs: string | null
}

/** The message that another answers. */
export interface Quote {
  id: MessageId
  /** Null when it is not here any more, or never was. Its text is cut to `MAX_PREVIEW_CHARS`. */
  said: { mine: boolean; text: string; attachment: AttachmentLine | null } | null
}

/** From here on texts last another time. */
export interface DisappearingChange {
  type: 'disappearing'
  id: MessageId
  mine: boolean
  afterMs: Disappearing
  sentAtMs: number
}

/** Messages known to exist before this place but not here yet; they have been asked for. */
export interface Gap {
  type: 'gap'
  id: string
  count: number
}

export type TimelineItem = Message | DisappearingChange | Gap

/** How much of a conversation's last message is told in the list, in UTF-16 units. */
export const MAX_PREVIEW_CHARS = 200

export interface Conversation {
  id: ConversationId
  /** Their display name; empty for notes to self, which the interface names. */
  name: string
  kind: 'contact' | 'notes'
  /** Its text is cut to `MAX_PREVIEW_CHARS`. */
  last:
    | (Pick<Message, 'id' | 'text' | 'deleted' | 'mine' | 'sentAtMs' | 'state'> & {
        attachment: AttachmentLine | null
      })
    | null
  unread: number
  draft: string
  /** How long what is said here lasts; 0: for ever. */
  disappearing: Disappearing
  pinned: boolean
  archived: boolean
  /** null when it is not muted, or no longer. */
  mute: Mute | null
}

/** Until when a conversation is quiet: a time in milliseconds since 1970, or until I say otherwise. */
export type Mute = number | 'forever'

/** Longest time a conversation is muted for, other than for ever: a week. */
export const MAX_MUTE_MS = 7 * 24 * 3_600_000

/** Most messages on either side of the place a window stands at. */
export const MAX_WINDOW_SIDE = 200

/** A piece of a timeline to watch, however long the timeline is. */
export interface TimelineWindow {
  /**
   * `end` moves along with every new message. `unread` is the first message unread when the watch begins, and stays
   * there. Both a message that is not here and `unread` where nothing is are `end`.
   */
  around: 'end' | 'unread' | MessageId
  /** Messages before that place, and after it: each at most `MAX_WINDOW_SIDE`. */
  before: number
  after: number
}

/** What is in a window, oldest first. */
export interface TimelinePage {
  items: TimelineItem[]
  hasOlder: boolean
  hasNewer: boolean
  /** The oldest message that was not on my screen yet, whether it is in the window or not. */
  firstUnread: MessageId | null
}

export interface SearchHit {
  conversation: ConversationId
  message: MessageId
  mine: boolean
  text: string
  attachment: AttachmentLine | null
  sentAtMs: number
}

/** What a message is sent with beside its text. */
export interface SendAs {
  /** The message it answers. */
  reply?: MessageId
  forwarded?: boolean
}

/** A message that is brought along to another conversation. */
export interface MessagePlace {
  conversation: ConversationId
  message: MessageId
}

/** How far a message of mine has come, and since when: as far as is known. Times by my clock, but for the relays'. */
export interface Progress {
  storedAtMs: number | null
  /** Where it is stored: each relay by its address, and since when by its own clock. */
  relays: { relay: string; atMs: number }[]
  receivedAtMs: number | null
  readAtMs: number | null
}

export interface ChatApi {
  watchConversations(options?: AbortOptions): AsyncIterable<Conversation[]>
  /** The window now and after each change in it; watch another one to see more. */
  watchTimeline(
    conversation: ConversationId,
    window: TimelineWindow,
    options?: AbortOptions,
  ): AsyncIterable<TimelinePage>
  /**
   * Resolves once the message is durable here, and clears the draft in the same transaction.
   * `intent` is chosen by the caller, any unique string: the same intent sent again is the same message.
   * @throws EmptyTextError, TextTooLongError, BlockedError, UnknownConversationError, StorageFullError
   */
  send(
    conversation: ConversationId,
    text: string,
    intent: string,
    as?: SendAs,
    options?: AbortOptions,
  ): Promise<MessageId>
  /**
   * Sends a file. It is taken in whole first, so that it can be given later; resolves once the message is durable here.
   * `intent` as in `send`.
   * @throws TextTooLongError, UnusableFileError, and as `send`
   */
  sendFile(
    conversation: ConversationId,
    file: OutgoingFile,
    intent: string,
    as?: SendAs,
    options?: AbortOptions,
  ): Promise<MessageId>
  /** How many bytes of the file that is sent with this intent are taken in by now; 0 before and after. */
  watchPreparing(intent: string, options?: AbortOptions): AsyncIterable<number>
  /**
   * Brings a message along to another conversation, with its attachment. `intent` as in `send`.
   * @throws UnknownMessageError, and as `send`
   */
  forward(
    of: MessagePlace,
    to: ConversationId,
    intent: string,
    options?: AbortOptions,
  ): Promise<MessageId>
  /** How far an attachment is. Ends once it is here, and with whom it was sent to. */
  watchAttachment(of: MessagePlace, options?: AbortOptions): AsyncIterable<AttachmentProgress>
  /** Gets an attachment, or goes on. @throws UnknownMessageError */
  getAttachment(of: MessagePlace, options?: AbortOptions): Promise<void>
  pauseAttachment(of: MessagePlace, options?: AbortOptions): Promise<void>
  /** The bytes of an attachment that is here, in pieces of at most 1 MiB. @throws UnknownMessageError */
  readAttachment(of: MessagePlace, options?: AbortOptions): AsyncIterable<Uint8Array<ArrayBuffer>>
  /**
   * Changes what a message of mine says, for both. Resolves, like the three below, once that is durable here.
   * @throws CannotEditError, and as `send`
   */
  edit(
    conversation: ConversationId,
    message: MessageId,
    text: string,
    options?: AbortOptions,
  ): Promise<void>
  /** Takes a message of mine back, from both devices. @throws UnknownMessageError, and as `send` */
  deleteForBoth(
    conversation: ConversationId,
    message: MessageId,
    options?: AbortOptions,
  ): Promise<void>
  /** My one emoji on a message; null takes it away. @throws UnknownMessageError, and as `send` */
  react(
    conversation: ConversationId,
    message: MessageId,
    emoji: string | null,
    options?: AbortOptions,
  ): Promise<void>
  /** How long what both say from now on lasts. @throws as `send` */
  setDisappearing(
    conversation: ConversationId,
    afterMs: Disappearing,
    options?: AbortOptions,
  ): Promise<void>
  /** Deletes a message here, and here alone. @throws StorageFullError */
  deleteForMe(
    conversation: ConversationId,
    message: MessageId,
    options?: AbortOptions,
  ): Promise<void>
  /** How far a message of mine has come, and each time that changes. */
  watchProgress(
    conversation: ConversationId,
    message: MessageId,
    options?: AbortOptions,
  ): AsyncIterable<Progress>
  /** Tells them that I am writing, or no longer. May be called at every key: they are told now and then. */
  setTyping(conversation: ConversationId, typing: boolean, options?: AbortOptions): Promise<void>
  /** Who is writing to me at this moment. */
  watchTyping(options?: AbortOptions): AsyncIterable<ConversationId[]>
  /** All up to and including this message were on my screen, or I went past them. */
  markRead(conversation: ConversationId, upTo: MessageId, options?: AbortOptions): Promise<void>
  saveDraft(conversation: ConversationId, text: string, options?: AbortOptions): Promise<void>
  setPinned(conversation: ConversationId, pinned: boolean, options?: AbortOptions): Promise<void>
  setArchived(
    conversation: ConversationId,
    archived: boolean,
    options?: AbortOptions,
  ): Promise<void>
  /**
   * Keeps a conversation quiet from now on: no notification, and not counted where only the number is. null ends that.
   * @throws LimitExceededError when it is for longer than `MAX_MUTE_MS`
   */
  mute(
    conversation: ConversationId,
    forMs: number | 'forever' | null,
    options?: AbortOptions,
  ): Promise<void>
  /** By words and names of files. Newest first, at most 50. Case and marks on letters are ignored. Ends early, with the signal's reason, when that is aborted. */
  search(query: string, options?: AbortOptions): Promise<SearchHit[]>
}
