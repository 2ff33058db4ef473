import type { AbortOptions } from '../../rpc/api.ts'
import type { MessageId, PeerIdString } from '../../protocol/ids.ts'

/** Longest text of one message in UTF-8 bytes. */
export const MAX_TEXT_BYTES = 16 * 1024

/** With whom: a peer, or my own peer id for notes to self. */
export type ConversationId = PeerIdString

/**
 * True when shown: `queued` is durable here, `stored` at as many relays as are wanted, `delivered` on their device,
 * `read` was on their screen.
 */
export type DeliveryState = 'queued' | 'stored' | 'delivered' | 'read'

export interface Message {
  type: 'message'
  id: MessageId
  conversation: ConversationId
  mine: boolean
  text: string
  /** By the sender's clock; for display only. */
  sentAtMs: number
  receivedAtMs: number
  /** Of my own messages; null for theirs. */
  state: DeliveryState | null
  /** Theirs, and not yet on my screen. */
  unread: boolean
}

/** Messages known to exist before this place but not here yet; they have been asked for. */
export interface Gap {
  type: 'gap'
  id: string
  count: number
}

export type TimelineItem = Message | Gap

/** How much of a conversation's last message is told in the list, in UTF-16 units. */
export const MAX_PREVIEW_CHARS = 200

export interface Conversation {
  id: ConversationId
  /** Their display name; empty for notes to self, which the interface names. */
  name: string
  kind: 'contact' | 'notes'
  /** Its text is cut to `MAX_PREVIEW_CHARS`. */
  last: Pick<Message, 'id' | 'text' | 'mine' | 'sentAtMs' | 'state'> | null
  unread: number
  draft: string
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
  sentAtMs: number
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
    options?: AbortOptions,
  ): Promise<MessageId>
  /** All up to and including this message were on my screen. */
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
  /** Newest first, at most 50. Case and marks on letters are ignored. Ends early, with the signal's reason, when that is aborted. */
  search(query: string, options?: AbortOptions): Promise<SearchHit[]>
}
