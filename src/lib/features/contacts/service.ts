import type { Identity } from '../../crypto/api.ts'
import type { ContactRow } from '../../db/schema.ts'
import type { Channels, Network, Peers } from '../../p2p/api.ts'
import { equalBytes } from '../../protocol/codec.ts'
import { equalLists } from '../../protocol/equal-lists.ts'
import { InvalidDataError } from '../../protocol/errors.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import { cleanName, shortenName } from '../../protocol/names.ts'
import type { Clock, Logger, Startable } from '../../protocol/seams.ts'
import { Turns } from '../../protocol/turns.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import type { ProfileApi } from '../profile/api.ts'
import type { CodePreview, Contact, ContactRequest, ContactsApi, MyCode } from './api.ts'
import { openCard } from './card.ts'
import { parseCode } from './code.ts'
import { OwnCodeError, UnknownContactError } from './errors.ts'
import { HelloChannels } from './hello-channels.ts'
import { MyCard } from './my-card.ts'
import { Pace } from './pace.ts'
import { Presence } from './presence.ts'
import type { Hello } from './protocol.ts'
import {
  added,
  dismissedRequest,
  displayName,
  heard,
  isRepeated,
  isWanted,
  requested,
  stateOf,
  stranger,
  withCode,
  type Relation,
} from './relation.ts'
import { safetyWords } from './safety-words.ts'
import type { ContactsStore } from './store.ts'

/** Requests kept, the dismissed ones too; then the oldest go. A person looks through no more. */
export const MAX_REQUESTS = 200

/**
 * Requests taken within a minute from everybody together, new or asked anew after a refusal; others may say hello
 * again later.
 */
export const MAX_NEW_REQUESTS_PER_MINUTE = 20

/** Longest note about a contact, in UTF-16 units. */
export const MAX_NOTE_CHARS = 2_000

export interface ContactsComponents {
  identity: Identity
  channels: Channels
  peers: Peers
  /** Its `changed` tells when my relays or addresses may have. */
  network: Pick<Network, 'addresses' | 'addEventListener' | 'removeEventListener'>
  profile: Pick<ProfileApi, 'watchProfile'>
  /** What is kept of conversations. */
  history: { deleteHistory(peer: PeerIdString): Promise<void> }
  store: ContactsStore
  clock: Clock
  logger: Logger
}

/**
 * Who has whom. Guarantees: a person is mutual only after their own signed hello; nobody becomes a contact without
 * my doing; a blocked peer is refused at the connection and changes nothing here; what a stranger can make me
 * keep is bounded.
 */
export class ContactsService implements ContactsApi, Startable {
  readonly #components: ContactsComponents
  readonly #contacts = new Map<PeerIdString, ContactRow>()
  readonly #presence: Presence
  readonly #hereListeners = new Set<() => void>()
  readonly #card: MyCard
  readonly #hellos: HelloChannels
  /** Being removed with their history. */
  readonly #leaving = new Set<PeerIdString>()
  readonly #words = new Map<PeerIdString, string[]>()
  readonly #newRequests: Pace
  /** Changes of what is known of a peer. */
  readonly #turns = new Turns<PeerIdString>()
  #running = false

  constructor(components: ContactsComponents) {
    this.#components = components
    this.#newRequests = new Pace(components.clock, MAX_NEW_REQUESTS_PER_MINUTE)
    this.#presence = new Presence(components.peers, (peer) => {
      this.#seen(peer)
    })
    this.#card = new MyCard(components, () => this.#hellos.sayToAll())
    this.#hellos = new HelloChannels(components, {
      accept: (peer) => this.#accepts(peer),
      hello: (peer) => this.#helloTo(peer),
      hear: (peer, hello) => this.#hear(peer, hello),
    })
  }

  async start(): Promise<void> {
    if (this.#running) return
    this.#running = true
    for (const row of await this.#components.store.contacts()) this.#remember(row.peer, row)
    this.#presence.start()
    this.#card.start()
    await this.#hellos.start()
  }

  async stop(): Promise<void> {
    if (!this.#running) return
    this.#running = false
    await this.#hellos.stop()
    await this.#card.stop()
    this.#presence.stop()
    await this.#turns.idle()
  }

  /** What this contact is called here; null for everybody else. */
  nameOf(peer: PeerIdString): string | null {
    const row = this.#contacts.get(peer)
    return row === undefined ? null : (row.alias ?? displayName(row))
  }

  /** SHA-256 of the ML-DSA key on the card this contact showed; null while none was seen. */
  keyCommitmentOf(peer: PeerIdString): Uint8Array | null {
    return this.#contacts.get(peer)?.keyCommitment ?? null
  }

  /** Whether this peer and I have each other now, and I have not begun to remove them. */
  hasMutual(peer: PeerIdString): boolean {
    const row = this.#contacts.get(peer)
    return row !== undefined && stateOf(row) === 'mutual' && !this.#leaving.has(peer)
  }

  watchContacts(options?: AbortOptions): AsyncIterable<Contact[]> {
    return this.#components.store.watchContacts((rows) => rows.map((row) => this.#contact(row)), {
      ...options,
      changes: (again) => {
        this.#hereListeners.add(again)
        return () => {
          this.#hereListeners.delete(again)
        }
      },
    })
  }

  watchRequests(options?: AbortOptions): AsyncIterable<ContactRequest[]> {
    return this.#components.store.watchRequests(
      (rows) =>
        rows.map(({ peer, name, receivedAtMs }) => ({
          peer,
          name,
          safetyWords: this.#wordsWith(peer),
          receivedAtMs,
        })),
      options,
    )
  }

  watchMyCode(options?: AbortOptions): AsyncIterable<MyCode> {
    return this.#card.watchCode(options)
  }

  async preview(text: string): Promise<CodePreview> {
    const { clock, identity, store } = this.#components
    const code = await parseCode(text, clock.now())
    const { contact, request } = await store.relation(code.peer)
    return {
      peer: code.peer,
      name: code.type === 'card' ? code.name : null,
      safetyWords: this.#wordsWith(code.peer),
      relation:
        code.peer === identity.peer
          ? 'self'
          : contact !== null
            ? stateOf(contact)
            : request !== null
              ? 'requested-me'
              : 'new',
    }
  }

  async add(text: string, options?: AbortOptions): Promise<PeerIdString> {
    const { clock, identity } = this.#components
    const code = await parseCode(text, clock.now())
    if (code.peer === identity.peer) throw new OwnCodeError('my own code')
    options?.signal?.throwIfAborted()
    await this.#change(code.peer, (relation) => ({
      contact: withCode(this.#added(code.peer, relation), code),
      request: null,
    }))
    await this.#hellos.say(code.peer)
    return code.peer
  }

  async accept(peer: PeerIdString, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    await this.#change(peer, (relation) => {
      if (relation.request === null) throw new UnknownContactError('no request of this peer')
      return { contact: this.#added(peer, relation), request: null }
    })
    await this.#hellos.say(peer)
  }

  async decline(peer: PeerIdString, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    await this.#change(peer, ({ contact, request }) => ({
      contact,
      request: request === null ? null : { ...request, dismissed: true },
    }))
  }

  async undoDecline(peer: PeerIdString, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    await this.#change(peer, ({ contact, request }) =>
      request === null ? null : { contact, request: { ...request, dismissed: false } },
    )
  }

  async block(peer: PeerIdString, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    await this.#change(peer, ({ contact, request }) => ({
      contact: {
        ...(contact ?? stranger(peer, request, this.#components.clock.now())),
        blocked: true,
      },
      request: null,
    }))
    this.#hellos.close(peer)
  }

  async unblock(peer: PeerIdString, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    await this.#change(peer, ({ contact, request }) => ({
      // A stranger is one again.
      contact: contact?.added === true ? { ...contact, blocked: false } : null,
      request,
    }))
  }

  async remove(
    peer: PeerIdString,
    history: 'keep' | 'delete',
    options?: AbortOptions,
  ): Promise<void> {
    options?.signal?.throwIfAborted()
    // From here on nothing of theirs is taken in, or what they sent just now would begin the history anew.
    if (history === 'delete') this.#leaving.add(peer)
    try {
      // First: when this fails, the contact is still there to be removed again.
      if (history === 'delete') await this.#components.history.deleteHistory(peer)
      await this.#change(peer, ({ contact, request }) => ({
        contact: null,
        request:
          contact === null ? request : dismissedRequest(contact, this.#components.clock.now()),
      }))
    } finally {
      this.#leaving.delete(peer)
    }
    this.#hellos.close(peer)
  }

  async setAlias(peer: PeerIdString, alias: string | null, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    const cleaned = shortenName(cleanName(alias ?? ''))
    await this.#edit(peer, { alias: cleaned === '' ? null : cleaned })
  }

  async setNote(peer: PeerIdString, note: string, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    await this.#edit(peer, { note: note.slice(0, MAX_NOTE_CHARS).toWellFormed() })
  }

  async #edit(peer: PeerIdString, changes: Partial<ContactRow>): Promise<void> {
    await this.#change(peer, ({ contact, request }) => {
      if (contact === null) throw new UnknownContactError('no such contact')
      return { contact: { ...contact, ...changes }, request }
    })
  }

  /** Reads, changes and stores what is known of a peer, alone. Gives what was stored; null changes nothing. */
  #change(
    peer: PeerIdString,
    change: (before: Relation) => Relation | null,
  ): Promise<Relation | null> {
    return this.#turns.run(peer, async () => {
      const { store } = this.#components
      const after = change(await store.relation(peer))
      if (after === null) return null
      await store.replace(peer, after, MAX_REQUESTS)
      this.#remember(peer, after.contact)
      return after
    })
  }

  /** Has the connections follow what is stored. */
  #remember(peer: PeerIdString, after: ContactRow | null): void {
    const { peers } = this.#components
    const before = this.#contacts.get(peer) ?? null
    if (after === null) this.#contacts.delete(peer)
    else this.#contacts.set(peer, after)
    if (before?.blocked === true && after?.blocked !== true) peers.allow(peer)
    if (after?.blocked === true && before?.blocked !== true) peers.deny(peer)
    if (after !== null && isWanted(after)) {
      const same = before?.heard === after.heard && equalLists(before.relays, after.relays)
      // Who has not said that they have me is a stranger yet, who need not know my address.
      if (!isWanted(before) || !same)
        peers.want(peer, after.relays, after.heard ? 'directly' : 'relayed')
    } else if (isWanted(before)) peers.unwant(peer)
  }

  #added(peer: PeerIdString, relation: Relation): ContactRow {
    return added(peer, relation, this.#presence.isHere(peer), this.#components.clock.now())
  }

  #contact(row: ContactRow): Contact {
    return {
      peer: row.peer,
      name: displayName(row),
      alias: row.alias,
      note: row.note,
      safetyWords: this.#wordsWith(row.peer),
      state: stateOf(row),
      path: row.blocked ? 'offline' : this.#presence.path(row.peer),
      lastSeenAtMs: row.lastSeenAtMs,
      addedAtMs: row.addedAtMs,
    }
  }

  /** Kept, because they are slow to make on purpose. */
  #wordsWith(peer: PeerIdString): string[] {
    const known = this.#words.get(peer)
    if (known !== undefined) return known
    const words = safetyWords(this.#components.identity.peer, peer)
    if (this.#words.size >= 1_000) this.#words.clear()
    this.#words.set(peer, words)
    return words
  }

  /** Strangers too: this is where they ask. How many are connected at once the node bounds. */
  #accepts(peer: PeerIdString): boolean {
    if (peer === this.#components.identity.peer) return false
    return this.#contacts.get(peer)?.blocked !== true
  }

  /** Nothing is said to those I do not have, nor before there is a card. */
  #helloTo(peer: PeerIdString): Hello | null {
    const row = this.#contacts.get(peer)
    const card = this.#card.bytes
    if (row === undefined || !isWanted(row) || card === null) return null
    return { type: 'hello', card, sinceMs: row.addedAtMs, mutual: row.heard }
  }

  async #hear(peer: PeerIdString, hello: Hello): Promise<void> {
    const { clock, logger } = this.#components
    const card = await openCard(hello.card, clock.now())
    if (card.peer !== peer) throw new InvalidDataError('a card of somebody else')
    const known = await this.#change(peer, ({ contact, request }) => {
      if (contact?.blocked === true) return null
      const pinned = contact?.keyCommitment ?? null
      if (pinned !== null && !equalBytes(pinned, card.keyCommitment)) {
        logger.warn(`${peer} says hello with another key commitment than before: ignored`)
        return null
      }
      this.#presence.saidHello(peer)
      if (contact !== null) return { contact: heard(contact, card, hello.sinceMs), request: null }
      // Asking again and again for the same counts as one.
      if (!isRepeated(request, hello.sinceMs) && !this.#newRequests.take()) return null
      return { contact: null, request: requested(card, hello.sinceMs, request, clock.now()) }
    })
    if (known !== null && known.contact !== null && !hello.mutual) await this.#hellos.say(peer)
  }

  /** A contact came, moved to another path, or left. */
  #seen(peer: PeerIdString): void {
    if (!this.#contacts.has(peer)) return
    for (const again of [...this.#hereListeners]) again()
    const { clock, logger, store } = this.#components
    const lastSeenAtMs = clock.now()
    this.#turns
      .run(peer, async () => {
        const row = this.#contacts.get(peer)
        if (row === undefined) return
        this.#contacts.set(peer, { ...row, lastSeenAtMs })
        await store.setLastSeen(peer, lastSeenAtMs)
      })
      .catch((error: unknown) => {
        logger.warn(`last seen of a contact not stored: ${String(error)}`)
      })
  }
}
