import type { Delivery } from '../../delivery/delivery.ts'
import type { Contactable } from '../../delivery/mailbox/deposits.ts'
import type { MailboxMail } from '../../delivery/mailbox/mail.ts'
import type { Network } from '../../p2p/api.ts'
import { InvalidDataError, LimitExceededError } from '../../protocol/errors.ts'
import type { MessageId, PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Logger, Startable } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import type { Contact, ContactsApi } from '../contacts/api.ts'
import {
  MAX_MUTE_MS,
  MAX_TEXT_BYTES,
  MAX_WINDOW_SIDE,
  type ChatApi,
  type Conversation,
  type ConversationId,
  type SearchHit,
  type TimelinePage,
  type TimelineWindow,
} from './api.ts'
import {
  BlockedError,
  EmptyTextError,
  TextTooLongError,
  UnknownConversationError,
} from './errors.ts'
import { fold } from '../../protocol/fold.ts'
import { payloadCodec } from './protocol.ts'
import { isMuted, MuteEnds } from './mutes.ts'
import type { ChatStore, Flags, StoredConversation } from './store.ts'

/** Hits of one search: more are not looked through. */
export const MAX_HITS = 50

/** Longest intent and longest query, in UTF-16 units. */
export const MAX_INTENT_CHARS = 200

/** Who has whom, as a list that follows and as an answer for now. */
export interface ContactsOfChat extends Pick<ContactsApi, 'watchContacts'> {
  hasMutual(peer: PeerIdString): boolean
  keyCommitmentOf(peer: PeerIdString): Uint8Array | null
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
  store: ChatStore
  clock: Clock
  logger: Logger
}

/**
 * Conversations. Guarantees those of delivery, and: texts are exchanged only between people who have each other;
 * what is written to somebody who has not accepted yet waits and goes out once they have.
 */
export class ChatService implements ChatApi, Startable {
  readonly #components: ChatComponents
  /** Told when conversations are to be looked at anew. */
  readonly #listeners = new Set<() => void>()
  readonly #muteEnds: MuteEnds
  #contacts: ReadonlyMap<PeerIdString, Contact> = new Map()
  /** Until the contacts were heard of once, nobody is refused for not being one. */
  readonly #known = Promise.withResolvers<undefined>()
  #life: AbortController | null = null
  #following: Promise<void> | null = null

  constructor(components: ChatComponents) {
    this.#components = components
    this.#muteEnds = new MuteEnds(components.clock, () => {
      this.#changed()
    })
  }

  async start(): Promise<void> {
    if (this.#life !== null) return
    this.#life = new AbortController()
    this.#following = this.#followContacts(this.#life.signal)
    const { delivery, mail, network } = this.#components
    network.addEventListener('changed', this.#onNetwork)
    network.addEventListener('woken', this.#onWoken)
    await delivery.start()
    await mail.start()
  }

  async stop(): Promise<void> {
    if (this.#life === null) return
    this.#life.abort()
    this.#life = null
    await this.#following
    this.#muteEnds.stop()
    const { delivery, mail, network } = this.#components
    network.removeEventListener('changed', this.#onNetwork)
    network.removeEventListener('woken', this.#onWoken)
    await mail.stop()
    await delivery.stop()
  }

  /** The relays that keep what comes while I sleep. */
  get mailboxes(): MailboxMail {
    return this.#components.mail
  }

  /** This peer is to be told who has whom, also while they sleep. */
  async sayHello(peer: PeerIdString): Promise<void> {
    await this.#components.delivery.owe(peer, 'hello')
  }

  /** They have heard it. */
  async helloHeard(peer: PeerIdString): Promise<void> {
    await this.#components.delivery.owesNot(peer, 'hello')
  }

  /** Whether texts are exchanged with this peer: for delivery's `accept`. */
  accepts(peer: PeerIdString): boolean {
    return this.#components.contacts.hasMutual(peer)
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
      {
        ...options,
        changes: (again) => {
          this.#listeners.add(again)
          return () => {
            this.#listeners.delete(again)
          }
        },
      },
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
    yield* store.watchTimeline(conversation, { around, before, after }, options)
  }

  async send(
    conversation: ConversationId,
    text: string,
    intent: string,
    options?: AbortOptions,
  ): Promise<MessageId> {
    const { delivery, me } = this.#components
    const wellFormed = text.toWellFormed()
    if (wellFormed.trim() === '') throw new EmptyTextError('nothing to send')
    if (new TextEncoder().encode(wellFormed).byteLength > MAX_TEXT_BYTES) {
      throw new TextTooLongError(`more than ${MAX_TEXT_BYTES} bytes`)
    }
    if (intent === '' || intent.length > MAX_INTENT_CHARS) throw new InvalidDataError('no intent')
    await this.#known.promise
    if (conversation !== me) {
      const contact = this.#contacts.get(conversation)
      if (contact === undefined) throw new UnknownConversationError('not a contact')
      if (contact.state === 'blocked') throw new BlockedError('blocked')
    }
    options?.signal?.throwIfAborted()
    const payload = payloadCodec.encode({ type: 'text', text: wellFormed })
    return delivery.send(conversation, payload, intent)
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
    const rows = await this.#components.store.search(
      (text) => fold(text).includes(wanted),
      MAX_HITS,
      options,
    )
    return rows.map(({ conversation, id, mine, text, sentAtMs }) => ({
      conversation,
      message: id,
      mine,
      text,
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

  #isListed({ id, last }: StoredConversation): boolean {
    if (id === this.#components.me || last !== null) return true
    const contact = this.#contacts.get(id)
    return contact !== undefined && contact.state !== 'blocked'
  }

  #conversation(stored: StoredConversation): Conversation {
    const { id, name, last, lastState, unread, draft, pinned, archived, mute } = stored
    const contact = this.#contacts.get(id)
    return {
      id,
      name: id === this.#components.me ? '' : contact === undefined ? name : nameOf(contact),
      kind: id === this.#components.me ? 'notes' : 'contact',
      last: last && {
        id: last.id,
        text: last.text,
        mine: last.mine,
        sentAtMs: last.sentAtMs,
        state: lastState,
      },
      unread,
      draft,
      pinned,
      archived,
      mute: isMuted(mute, this.#components.clock.now()) ? mute : null,
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
    const { delivery, store } = this.#components
    const before = this.#contacts
    this.#contacts = new Map(list.map((contact) => [contact.peer, contact]))
    this.#known.resolve(undefined)
    let changed = before.size !== this.#contacts.size
    for (const contact of list) {
      const old = before.get(contact.peer)
      if (old?.state !== contact.state) {
        delivery.offer(contact.peer)
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

  #changed(): void {
    for (const again of [...this.#listeners]) again()
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

function nameOf({ alias, name }: Contact): string {
  return alias ?? name
}

/** What a tab asks for, as a number of messages on one side of a window. */
function bounded(count: number): number {
  return Math.min(Math.max(Math.trunc(count) || 0, 0), MAX_WINDOW_SIDE)
}
