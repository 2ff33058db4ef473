import type { MessageRow } from '../../db/schema.ts'
import type { Delivery } from '../../delivery/delivery.ts'
import type { Contactable } from '../../delivery/mailbox/deposits.ts'
import type { MailboxMail } from '../../delivery/mailbox/mail.ts'
import type { Network } from '../../p2p/api.ts'
import { InvalidDataError, LimitExceededError } from '../../protocol/errors.ts'
import type { MessageId, PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Logger, Random, Startable } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import type { Contact, ContactsApi } from '../contacts/api.ts'
import {
  MAX_CAPTION_BYTES,
  MAX_MUTE_MS,
  MAX_TEXT_BYTES,
  MAX_WINDOW_SIDE,
  type AttachmentProgress,
  type ChatApi,
  type Conversation,
  type ConversationId,
  type Disappearing,
  type MessagePlace,
  type OutgoingFile,
  type Progress,
  type SearchHit,
  type SendAs,
  type TimelinePage,
  type TimelineWindow,
} from './api.ts'
import {
  BlockedError,
  CannotEditError,
  EmptyTextError,
  TextTooLongError,
  UnknownConversationError,
  UnknownMessageError,
  UnusableFileError,
} from './errors.ts'
import { sentAttachment, type Attachments, type AutomaticGetting } from './attachments.ts'
import { isEmoji, mayEdit } from './changes.ts'
import { Expiry } from './expiry.ts'
import type { ChatJournal } from './journal.ts'
import { fold } from '../../protocol/fold.ts'
import { isMuted, MuteEnds } from './mutes.ts'
import { Preparing } from './preparing.ts'
import { payloadCodec, type Payload, type SentAttachment } from './protocol.ts'
import { lineOf } from './rows.ts'
import type { SearchIndex } from './search-index.ts'
import type { ChatStore, Flags, StoredConversation } from './store.ts'
import { Typing } from './typing.ts'

/** Hits of one search: more are not looked through. */
export const MAX_HITS = 50

/** Longest intent and longest query, in UTF-16 units. */
export const MAX_INTENT_CHARS = 200

/** What a person chose about telling what they have read, and about getting files unasked. */
export interface ChoicesForChat {
  watchSettings(
    options?: AbortOptions,
  ): AsyncIterable<{ readReceipts: boolean; autoGet: AutomaticGetting }>
}

/** Who has whom, as a list that follows and as an answer for now. */
export interface ContactsOfChat extends Pick<ContactsApi, 'watchContacts'> {
  hasMutual(peer: PeerIdString): boolean
  keyCommitmentOf(peer: PeerIdString): Uint8Array | null
  has(peer: PeerIdString): boolean
  /** Everybody I have. */
  peers(): PeerIdString[]
  /** Where and with which key somebody can be written to who sleeps; null when nothing is said to them. */
  contactable(peer: PeerIdString): Contactable | null
  /** What they are told of who has whom; null for nothing. */
  helloFor(peer: PeerIdString): Uint8Array | null
  /** They said this while I slept; false when it is to be heard later. @throws StarlingError */
  hearMailed(peer: PeerIdString, hello: Uint8Array): Promise<boolean>
}

export interface ChatComponents {
  me: PeerIdString
  delivery: Delivery
  mail: MailboxMail
  network: Pick<Network, 'addEventListener' | 'removeEventListener'>
  contacts: ContactsOfChat
  settings: ChoicesForChat
  store: ChatStore
  journal: ChatJournal
  search: SearchIndex
  attachments: Attachments
  clock: Clock
  random: Random
  logger: Logger
}

/**
 * Conversations. Guarantees those of delivery, and: texts are exchanged only between people who have each other;
 * what is written to somebody who has not accepted yet waits and goes out once they have. Who does not tell what they
 * have read is not told either.
 */
export class ChatService implements ChatApi, Startable {
  readonly #components: ChatComponents
  readonly #typing: Typing
  readonly #expiry: Expiry
  readonly #muteEnds: MuteEnds
  readonly #preparing: Preparing
  /** Told when conversations are to be looked at anew. */
  readonly #listeners = new Set<() => void>()
  #contacts: ReadonlyMap<PeerIdString, Contact> = new Map()
  /** Until the contacts were heard of once, nobody is refused for not being one. */
  readonly #known = Promise.withResolvers<undefined>()
  /** Not before it is known that the person wants it. */
  #readReceipts = false
  #life: AbortController | null = null
  #following: Promise<unknown> | null = null

  constructor(components: ChatComponents) {
    this.#components = components
    const { clock, delivery } = components
    this.#expiry = new Expiry(components)
    this.#preparing = new Preparing(clock)
    this.#muteEnds = new MuteEnds(clock, () => {
      this.#changed()
    })
    this.#typing = new Typing({
      clock,
      tell: (peer, on) => {
        delivery.tellTyping(peer, on)
      },
    })
  }

  async start(): Promise<void> {
    if (this.#life !== null) return
    this.#life = new AbortController()
    const { signal } = this.#life
    this.#following = Promise.all([this.#followContacts(signal), this.#followSettings(signal)])
    this.#expiry.start()
    this.#components.search.start()
    const { delivery, mail, network } = this.#components
    network.addEventListener('changed', this.#onNetwork)
    network.addEventListener('woken', this.#onWoken)
    // Of a host that was killed, files may have stayed that no message has.
    this.#components.attachments.gone()
    await delivery.start()
    await mail.start()
  }

  async stop(): Promise<void> {
    if (this.#life === null) return
    this.#life.abort()
    this.#life = null
    await this.#following
    await this.#expiry.stop()
    await this.#components.attachments.settled()
    this.#components.search.stop()
    this.#muteEnds.stop()
    const { delivery, mail, network } = this.#components
    network.removeEventListener('changed', this.#onNetwork)
    network.removeEventListener('woken', this.#onWoken)
    await mail.stop()
    await delivery.stop()
    this.#typing.stop()
  }

  /** The relays that keep what comes while I sleep. */
  get mailboxes(): MailboxMail {
    return this.#components.mail
  }

  /** This peer is to be told who has whom, also while they sleep. */
  async sayHello(peer: PeerIdString): Promise<void> {
    await this.#components.delivery.post.owe(peer, 'hello')
  }

  /** They have heard it. */
  async helloHeard(peer: PeerIdString): Promise<void> {
    await this.#components.delivery.post.owesNot(peer, 'hello')
  }

  /** Whether texts are exchanged with this peer: for delivery's `accept`. */
  accepts(peer: PeerIdString): boolean {
    return this.#components.contacts.hasMutual(peer)
  }

  /** Whether what is read is told and shown: for delivery's `tellsRead`. */
  get readReceipts(): boolean {
    return this.#readReceipts
  }

  /** For delivery's `onTyping`. */
  theyType(peer: PeerIdString, on: boolean): void {
    if (this.#life !== null) this.#typing.heard(peer, on)
  }

  /** Deletes all messages with this peer here. What they have not got yet they never will. */
  deleteHistory(peer: PeerIdString): Promise<void> {
    return this.#components.delivery.forget(peer)
  }

  /** This peer has other keys now: what they have not got yet is sealed anew. */
  forgetKeys(peer: PeerIdString): Promise<void> {
    return this.#components.delivery.forgetKeys(peer)
  }

  async *watchConversations(options?: AbortOptions): AsyncIterable<Conversation[]> {
    await this.#known.promise
    const { me, store } = this.#components
    yield* store.watchConversations(
      () => [me, ...this.#contacts.keys()],
      (conversations) => {
        if (this.#life !== null) this.#muteEnds.expect(conversations.map(({ mute }) => mute))
        return conversations
          .filter((each) => this.#isListed(each))
          .map((each) => this.#conversation(each))
      },
      { ...options, changes: this.#changes },
    )
  }

  async *watchTimeline(
    conversation: ConversationId,
    window: TimelineWindow,
    options?: AbortOptions,
  ): AsyncIterable<TimelinePage> {
    const { store } = this.#components
    const around =
      window.around === 'unread'
        ? ((await store.firstUnread(conversation)) ?? 'end')
        : window.around
    const before = bounded(window.before)
    const after = bounded(window.after)
    yield* store.watchTimeline(
      conversation,
      { around, before, after },
      {
        ...options,
        changes: this.#changes,
      },
    )
  }

  watchProgress(
    conversation: ConversationId,
    message: MessageId,
    options?: AbortOptions,
  ): AsyncIterable<Progress> {
    const { store } = this.#components
    return store.watchProgress(conversation, message, { ...options, changes: this.#changes })
  }

  watchTyping(options?: AbortOptions): AsyncIterable<ConversationId[]> {
    return this.#typing.watch(options)
  }

  async send(
    conversation: ConversationId,
    text: string,
    intent: string,
    { reply, forwarded = false }: SendAs = {},
    options?: AbortOptions,
  ): Promise<MessageId> {
    const wellFormed = sendable(text)
    requireIntent(intent)
    await this.#mayWrite(conversation, options)
    const disappearAfterMs = await this.#components.store.disappearing(conversation)
    const sent = await this.#send(
      conversation,
      {
        type: 'text',
        text: wellFormed,
        ...(reply !== undefined && { reply }),
        ...(forwarded && { forwarded }),
        ...(disappearAfterMs !== 0 && { disappearAfterMs }),
      },
      intent,
    )
    this.#typing.tell(conversation, false)
    return sent
  }

  async sendFile(
    conversation: ConversationId,
    file: OutgoingFile,
    intent: string,
    { reply }: SendAs = {},
    options?: AbortOptions,
  ): Promise<MessageId> {
    const { attachments, store } = this.#components
    const text = captionOf(file)
    requireIntent(intent)
    await this.#mayWrite(conversation, options)
    const payload = (attachment: SentAttachment, disappearAfterMs: Disappearing): Payload => ({
      type: 'text',
      text,
      attachment,
      ...(reply !== undefined && { reply }),
      ...(disappearAfterMs !== 0 && { disappearAfterMs }),
    })
    // What is wrong with it is told before it is read.
    payloadCodec.encode(payload(sentAttachment(file, new Uint8Array(32), new Uint8Array(32)), 0))
    const preparing = this.#preparing
    try {
      return await attachments.sending(
        conversation,
        file,
        async (attachment) => {
          const lasts = await store.disappearing(conversation)
          const sent = await this.#send(conversation, payload(attachment, lasts), intent)
          this.#typing.tell(conversation, false)
          return sent
        },
        {
          ...options,
          onRead: (bytes) => {
            preparing.note(intent, bytes)
          },
        },
      )
    } finally {
      preparing.note(intent, null)
    }
  }

  watchPreparing(intent: string, options?: AbortOptions): AsyncIterable<number> {
    return this.#preparing.watch(intent, options)
  }

  async forward(
    of: MessagePlace,
    to: ConversationId,
    intent: string,
    options?: AbortOptions,
  ): Promise<MessageId> {
    const { attachments, store } = this.#components
    requireIntent(intent)
    await this.#mayWrite(to, options)
    const row = await this.#message(of.conversation, of.message)
    if (row.deleted === true) throw new UnknownMessageError('deleted')
    const attachment = await attachments.passOn(row, to)
    const disappearAfterMs = await store.disappearing(to)
    return this.#send(
      to,
      {
        ...{ type: 'text', text: row.text, forwarded: true },
        ...(attachment !== undefined && { attachment }),
        ...(disappearAfterMs !== 0 && { disappearAfterMs }),
      },
      intent,
    )
  }

  async *watchAttachment(
    of: MessagePlace,
    options?: AbortOptions,
  ): AsyncIterable<AttachmentProgress> {
    const row = await this.#message(of.conversation, of.message)
    yield* this.#components.attachments.watch(row, options)
  }

  async getAttachment({ conversation, message }: MessagePlace): Promise<void> {
    await this.#components.attachments.get(await this.#message(conversation, message))
  }

  async pauseAttachment({ conversation, message }: MessagePlace): Promise<void> {
    await this.#components.attachments.pause(await this.#message(conversation, message))
  }

  async *readAttachment(
    of: MessagePlace,
    options?: AbortOptions,
  ): AsyncIterable<Uint8Array<ArrayBuffer>> {
    const row = await this.#message(of.conversation, of.message)
    yield* this.#components.attachments.read(row, options)
  }

  async edit(
    conversation: ConversationId,
    message: MessageId,
    text: string,
    options?: AbortOptions,
  ): Promise<void> {
    const wellFormed = sendable(text)
    await this.#mayWrite(conversation, options)
    const row = await this.#message(conversation, message)
    if (!mayEdit(row, true, this.#components.clock.now())) throw new CannotEditError('too late')
    if (row.text === wellFormed) return
    await this.#send(conversation, { type: 'edit', message, text: wellFormed })
    this.#typing.tell(conversation, false)
  }

  async deleteForBoth(
    conversation: ConversationId,
    message: MessageId,
    options?: AbortOptions,
  ): Promise<void> {
    await this.#mayWrite(conversation, options)
    const row = await this.#message(conversation, message)
    if (!row.mine) throw new UnknownMessageError('not mine')
    if (row.deleted !== true) await this.#send(conversation, { type: 'delete', message })
  }

  async deleteForMe(
    conversation: ConversationId,
    message: MessageId,
    options?: AbortOptions,
  ): Promise<void> {
    options?.signal?.throwIfAborted()
    await this.#components.journal.remove(conversation, message)
  }

  async react(
    conversation: ConversationId,
    message: MessageId,
    emoji: string | null,
    options?: AbortOptions,
  ): Promise<void> {
    if (emoji !== null && !isEmoji(emoji)) throw new InvalidDataError('not an emoji')
    await this.#mayWrite(conversation, options)
    const row = await this.#message(conversation, message)
    if (row.deleted === true) throw new UnknownMessageError('deleted')
    if ((row.reactions?.mine?.emoji ?? null) === emoji) return
    await this.#send(conversation, { type: 'react', message, emoji })
  }

  async setDisappearing(
    conversation: ConversationId,
    afterMs: Disappearing,
    options?: AbortOptions,
  ): Promise<void> {
    await this.#mayWrite(conversation, options)
    if ((await this.#components.store.disappearing(conversation)) === afterMs) return
    await this.#send(conversation, { type: 'disappear', afterMs })
  }

  setTyping(conversation: ConversationId, typing: boolean): Promise<void> {
    if (this.accepts(conversation)) this.#typing.tell(conversation, typing)
    return Promise.resolve()
  }

  async markRead(
    conversation: ConversationId,
    upTo: MessageId,
    options?: AbortOptions,
  ): Promise<void> {
    options?.signal?.throwIfAborted()
    await this.#components.delivery.markRead(conversation, upTo)
  }

  async saveDraft(
    conversation: ConversationId,
    text: string,
    options?: AbortOptions,
  ): Promise<void> {
    // A draft may be longer than a message: it is told when it is sent. Far longer is no draft.
    if (text.length > 4 * MAX_TEXT_BYTES) throw new TextTooLongError('too long even for a draft')
    await this.#update(conversation, { draft: text.toWellFormed() }, options)
  }

  setPinned(conversation: ConversationId, pinned: boolean, options?: AbortOptions): Promise<void> {
    return this.#update(conversation, { pinned }, options)
  }

  setArchived(
    conversation: ConversationId,
    archived: boolean,
    options?: AbortOptions,
  ): Promise<void> {
    return this.#update(conversation, { archived }, options)
  }

  async mute(
    conversation: ConversationId,
    forMs: number | 'forever' | null,
    options?: AbortOptions,
  ): Promise<void> {
    if (typeof forMs === 'number' && !(forMs > 0 && forMs <= MAX_MUTE_MS)) {
      throw new LimitExceededError('muted for too long or too short')
    }
    const mute = typeof forMs === 'number' ? this.#components.clock.now() + forMs : forMs
    await this.#update(conversation, { mute }, options)
  }

  async search(query: string, options?: AbortOptions): Promise<SearchHit[]> {
    const wanted = fold(query.slice(0, MAX_INTENT_CHARS).trim())
    if (wanted === '') return []
    options?.signal?.throwIfAborted()
    const rows = await this.#components.search.search(wanted, MAX_HITS, options)
    return rows.map(({ conversation, id, mine, text, attachment, sentAtMs }) => ({
      conversation,
      message: id,
      mine,
      text,
      attachment: lineOf(attachment) ?? null,
      sentAtMs,
    }))
  }

  readonly #onNetwork = (): void => {
    this.#components.mail.relaysChanged()
  }

  readonly #onWoken = (): void => {
    this.#components.mail.wake()
  }

  async #update(
    conversation: ConversationId,
    changes: Partial<Flags>,
    options?: AbortOptions,
  ): Promise<void> {
    await this.#known.promise
    options?.signal?.throwIfAborted()
    await this.#components.store.update(conversation, changes)
  }

  /** @throws UnknownConversationError, BlockedError */
  async #mayWrite(conversation: ConversationId, options?: AbortOptions): Promise<void> {
    await this.#known.promise
    if (conversation !== this.#components.me) {
      const contact = this.#contacts.get(conversation)
      if (contact === undefined) throw new UnknownConversationError('not a contact')
      if (contact.state === 'blocked') throw new BlockedError('blocked')
    }
    options?.signal?.throwIfAborted()
  }

  /** @throws UnknownMessageError */
  async #message(conversation: ConversationId, id: MessageId): Promise<MessageRow> {
    const row = await this.#components.store.message(conversation, id)
    if (row === null || row.announcedMs !== undefined) throw new UnknownMessageError('not here')
    return row
  }

  /** @param intent its own by default: asked twice, what changes a message changes nothing more */
  #send(
    conversation: ConversationId,
    payload: Payload,
    intent = hex(this.#components.random.bytes(16)),
  ): Promise<MessageId> {
    return this.#components.delivery.send(conversation, payloadCodec.encode(payload), intent)
  }

  #isListed({ id, last }: StoredConversation): boolean {
    if (id === this.#components.me || last !== null) return true
    const contact = this.#contacts.get(id)
    return contact !== undefined && contact.state !== 'blocked'
  }

  #conversation(stored: StoredConversation): Conversation {
    const { id, name, last, lastState, unread, draft, disappearing, pinned, archived, mute } =
      stored
    const contact = this.#contacts.get(id)
    return {
      id,
      name: id === this.#components.me ? '' : contact === undefined ? name : nameOf(contact),
      kind: id === this.#components.me ? 'notes' : 'contact',
      last: last && {
        id: last.id,
        text: last.text,
        attachment: last.attachment ?? null,
        deleted: last.deleted === true,
        mine: last.mine,
        sentAtMs: last.sentAtMs,
        state: lastState,
      },
      unread,
      draft,
      disappearing,
      pinned,
      archived,
      mute: isMuted(mute, this.#components.clock.now()) ? mute : null,
    }
  }

  /** Changes of what is shown that the database does not know of. */
  readonly #changes = (again: () => void): (() => void) => {
    this.#listeners.add(again)
    return () => this.#listeners.delete(again)
  }

  #changed(): void {
    for (const again of [...this.#listeners]) again()
  }

  async #followSettings(signal: AbortSignal): Promise<void> {
    const { attachments, delivery, logger, settings } = this.#components
    try {
      for await (const { readReceipts, autoGet } of settings.watchSettings({ signal })) {
        attachments.automatic = autoGet
        if (readReceipts === this.#readReceipts) continue
        this.#readReceipts = readReceipts
        delivery.tellRead()
        this.#changed()
      }
    } catch (error) {
      if (!signal.aborted) logger.error('lost sight of the settings', error)
    }
  }

  async #followContacts(signal: AbortSignal): Promise<void> {
    const { contacts, logger } = this.#components
    try {
      for await (const list of contacts.watchContacts({ signal })) await this.#contactsAre(list)
    } catch (error) {
      if (!signal.aborted) logger.error('lost sight of the contacts', error)
    }
  }

  async #contactsAre(list: Contact[]): Promise<void> {
    const { delivery, mail, store } = this.#components
    const before = this.#contacts
    this.#contacts = new Map(list.map((contact) => [contact.peer, contact]))
    this.#known.resolve(undefined)
    let changed = before.size !== this.#contacts.size
    for (const contact of list) {
      const old = before.get(contact.peer)
      if (old?.state !== contact.state) {
        delivery.offer(contact.peer)
        // What they left in a mailbox, and what waits here for them, was not exchanged until now.
        if (old !== undefined && contact.state === 'mutual') mail.wake()
        changed = true
      }
      if (old === undefined || nameOf(old) !== nameOf(contact)) {
        // Kept beside the messages, for when the contact is removed and they are not.
        await this.#tryToStore(store.update(contact.peer, { name: nameOf(contact) }))
        changed = true
      }
    }
    for (const peer of before.keys()) {
      if (this.#contacts.has(peer)) continue
      delivery.offer(peer)
      await this.#tryToStore(store.dropEmpty(peer))
      changed = true
    }
    if (changed) this.#changed()
  }

  /** A full disk keeps nobody from being let in or shut out. */
  async #tryToStore(write: Promise<void>): Promise<void> {
    try {
      await write
    } catch (error) {
      this.#components.logger.error('a change of the contacts is not stored', error)
    }
  }
}

/** @throws EmptyTextError, TextTooLongError */
function sendable(text: string): string {
  const wellFormed = text.toWellFormed()
  if (wellFormed.trim() === '') throw new EmptyTextError('nothing to send')
  if (new TextEncoder().encode(wellFormed).byteLength > MAX_TEXT_BYTES) {
    throw new TextTooLongError(`more than ${MAX_TEXT_BYTES} bytes`)
  }
  return wellFormed
}

/** @throws UnusableFileError, TextTooLongError */
function captionOf({ file, caption }: OutgoingFile): string {
  if (!(file instanceof Blob)) throw new UnusableFileError('not a file')
  const wellFormed = caption.toWellFormed().trim()
  if (new TextEncoder().encode(wellFormed).byteLength > MAX_CAPTION_BYTES) {
    throw new TextTooLongError(`more than ${MAX_CAPTION_BYTES} bytes`)
  }
  return wellFormed
}

/** @throws InvalidDataError */
function requireIntent(intent: string): void {
  if (intent === '' || intent.length > MAX_INTENT_CHARS) throw new InvalidDataError('no intent')
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function nameOf({ alias, name }: Contact): string {
  return alias ?? name
}

/** What a tab asks for, as a number of messages on one side of a window. */
function bounded(count: number): number {
  return Math.min(Math.max(Math.trunc(count) || 0, 0), MAX_WINDOW_SIDE)
}
