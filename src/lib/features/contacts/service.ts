import type { Identity } from '../../crypto/api.ts'
import { live } from '../../db/live.ts'
import type { ContactRow, RequestRow } from '../../db/schema.ts'
import type { Channel, Channels, Network, Peers, PeersEvents } from '../../p2p/api.ts'
import { equalBytes } from '../../protocol/codec.ts'
import { InvalidDataError, LimitExceededError } from '../../protocol/errors.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import { cleanName, shortenName } from '../../protocol/names.ts'
import type { Clock, Logger, Startable } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import type { ProfileApi } from '../profile/api.ts'
import type {
  CodePreview,
  Contact,
  ContactRequest,
  ContactsApi,
  ContactState,
  MyCode,
} from './api.ts'
import { cardFragment, MAX_CARD_RELAYS, openCard, sealCard, type Card } from './card.ts'
import { parseCode, plainCode, type Code } from './code.ts'
import { OwnCodeError, UnknownContactError } from './errors.ts'
import { Pace } from './pace.ts'
import {
  CONTACTS_PROTOCOL,
  helloCodec,
  MAX_CONTACTS_FRAME_BYTES,
  MAX_HELLOS_PER_MINUTE,
} from './protocol.ts'
import { safetyWords } from './safety-words.ts'
import type { ContactsStore, Relation } from './store.ts'

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

interface Session {
  channel: Channel
  pace: Pace
}

interface MyCard {
  bytes: Uint8Array
  name: string
  relays: string[]
}

/**
 * Who has whom. Guarantees: a person is mutual only after their own signed hello; nobody becomes a contact without
 * my doing; a blocked peer is refused at the connection and changes nothing here; what a stranger can make me
 * keep is bounded.
 */
export class ContactsService implements ContactsApi, Startable {
  readonly #components: ContactsComponents
  readonly #sessions = new Map<PeerIdString, Session>()
  readonly #contacts = new Map<PeerIdString, ContactRow>()
  /**
   * Who has said hello since they connected. A connection alone says nothing: who removed me may still be asked by
   * my node, and is not there for me.
   */
  readonly #here = new Set<PeerIdString>()
  readonly #hereListeners = new Set<() => void>()
  /** Being removed with their history. */
  readonly #leaving = new Set<PeerIdString>()
  readonly #words = new Map<PeerIdString, string[]>()
  readonly #newRequests: Pace
  readonly #cardListeners = new Set<() => void>()
  #card: MyCard | null = null
  #name: string | null = null
  /** Changes of relations and of the card, one after another. */
  #turn: Promise<unknown> = Promise.resolve()
  #life: AbortController | null = null
  #unhandle: (() => Promise<void>) | null = null

  constructor(components: ContactsComponents) {
    this.#components = components
    this.#newRequests = new Pace(components.clock, MAX_NEW_REQUESTS_PER_MINUTE)
  }

  async start(): Promise<void> {
    if (this.#life !== null) return
    this.#life = new AbortController()
    const { channels, network, peers, store } = this.#components
    for (const row of await store.contacts()) this.#remember(row.peer, row)
    peers.addEventListener('path', this.#onPath)
    network.addEventListener('changed', this.#onNetwork)
    void this.#followProfile(this.#life.signal)
    this.#unhandle = await channels.handle({
      protocol: CONTACTS_PROTOCOL,
      maxFrameBytes: MAX_CONTACTS_FRAME_BYTES,
      accept: (peer) => this.#accepts(peer),
      onChannel: (channel) => {
        void this.#serve(channel)
      },
    })
  }

  async stop(): Promise<void> {
    if (this.#life === null) return
    this.#life.abort()
    this.#life = null
    const { network, peers } = this.#components
    peers.removeEventListener('path', this.#onPath)
    network.removeEventListener('changed', this.#onNetwork)
    await this.#unhandle?.()
    this.#unhandle = null
    for (const { channel } of this.#sessions.values()) channel.close()
    this.#sessions.clear()
    this.#here.clear()
    await this.#turn
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

  async *watchMyCode(options?: AbortOptions): AsyncIterable<MyCode> {
    const codes = live(() => Promise.resolve(this.#myCode()), {
      ...options,
      changes: (again) => {
        this.#cardListeners.add(again)
        return () => {
          this.#cardListeners.delete(again)
        }
      },
    })
    for await (const code of codes) if (code !== null) yield code
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
    await this.#sayHello(code.peer)
    return code.peer
  }

  async accept(peer: PeerIdString, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    await this.#change(peer, (relation) => {
      if (relation.request === null) throw new UnknownContactError('no request of this peer')
      return { contact: this.#added(peer, relation), request: null }
    })
    await this.#sayHello(peer)
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
      contact: { ...(contact ?? this.#stranger(peer, request)), blocked: true },
      request: null,
    }))
    this.#sessions.get(peer)?.channel.close()
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
    this.#sessions.get(peer)?.channel.close()
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
    return this.#alone(async () => {
      const { store } = this.#components
      const after = change(await store.relation(peer))
      if (after === null) return null
      await store.replace(peer, after, MAX_REQUESTS)
      this.#remember(peer, after.contact)
      return after
    })
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }

  /** Has the connections follow what is stored. */
  #remember(peer: PeerIdString, after: ContactRow | null): void {
    const { peers } = this.#components
    const before = this.#contacts.get(peer) ?? null
    if (after === null) this.#contacts.delete(peer)
    else this.#contacts.set(peer, after)
    const wanted = (row: ContactRow | null): boolean => row !== null && row.added && !row.blocked
    if (before?.blocked === true && after?.blocked !== true) peers.allow(peer)
    if (after?.blocked === true && before?.blocked !== true) peers.deny(peer)
    if (after !== null && wanted(after)) {
      const same = before?.heard === after.heard && equalLists(before.relays, after.relays)
      // Who has not said that they have me is a stranger yet, who need not know my address.
      if (!wanted(before) || !same)
        peers.want(peer, after.relays, after.heard ? 'directly' : 'relayed')
    } else if (wanted(before)) peers.unwant(peer)
  }

  /**
   * The row of somebody I add now, from what is known of them. Added again, they are asked anew, unless they have just
   * said that they have me.
   */
  #added(peer: PeerIdString, { contact, request }: Relation): ContactRow {
    const row = contact ?? this.#stranger(peer, request)
    return {
      ...row,
      added: true,
      blocked: false,
      addedAtMs: row.added && this.#here.has(peer) ? row.addedAtMs : this.#components.clock.now(),
    }
  }

  #stranger(peer: PeerIdString, request: RequestRow | null): ContactRow {
    return {
      peer,
      name: request?.name ?? '',
      alias: null,
      note: '',
      added: false,
      heard: request !== null,
      blocked: false,
      keyCommitment: request?.keyCommitment ?? null,
      relays: request?.relays ?? [],
      sinceMs: request?.sinceMs ?? null,
      lastSeenAtMs: null,
      addedAtMs: this.#components.clock.now(),
    }
  }

  #contact(row: ContactRow): Contact {
    return {
      peer: row.peer,
      name: displayName(row),
      alias: row.alias,
      note: row.note,
      safetyWords: this.#wordsWith(row.peer),
      state: stateOf(row),
      path:
        this.#here.has(row.peer) && !row.blocked
          ? this.#components.peers.path(row.peer)
          : 'offline',
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

  async #serve(channel: Channel): Promise<void> {
    const { clock, logger } = this.#components
    const session = { channel, pace: new Pace(clock, MAX_HELLOS_PER_MINUTE) }
    this.#sessions.set(channel.peer, session)
    try {
      await this.#sayHello(channel.peer)
      for await (const frame of channel.frames()) {
        if (!session.pace.take()) throw new LimitExceededError('hello too often')
        await this.#hear(channel.peer, frame)
      }
    } catch (error) {
      logger.warn(`channel with ${channel.peer} ended: ${String(error)}`)
      channel.close(error instanceof Error ? error : undefined)
    } finally {
      if (this.#sessions.get(channel.peer) === session) this.#sessions.delete(channel.peer)
    }
  }

  async #hear(peer: PeerIdString, frame: Uint8Array): Promise<void> {
    const { clock, logger, peers } = this.#components
    const hello = helloCodec.decode(frame)
    const card = await openCard(hello.card, clock.now())
    if (card.peer !== peer) throw new InvalidDataError('a card of somebody else')
    const known = await this.#change(peer, ({ contact, request }) => {
      if (contact?.blocked === true) return null
      const pinned = contact?.keyCommitment ?? null
      if (pinned !== null && !equalBytes(pinned, card.keyCommitment)) {
        logger.warn(`${peer} says hello with another key commitment than before: ignored`)
        return null
      }
      // They may have gone while this waited for its turn.
      if (peers.path(peer) !== 'offline') this.#here.add(peer)
      if (contact === null) return this.#requested(card, hello.sinceMs, request)
      return { contact: heard(contact, card, hello.sinceMs), request: null }
    })
    if (this.#here.has(peer)) this.#seen(peer)
    if (known !== null && known.contact !== null && !hello.mutual) await this.#sayHello(peer)
  }

  /** What a stranger's hello changes, null for nothing. */
  #requested(card: Card, sinceMs: number, before: RequestRow | null): Relation | null {
    const again = before !== null && sinceMs <= before.sinceMs
    if (!again && !this.#newRequests.take()) return null
    const { peer, name, keyCommitment, relays } = card
    return {
      contact: null,
      request: {
        peer,
        name,
        keyCommitment,
        relays,
        sinceMs: Math.max(sinceMs, before?.sinceMs ?? 0),
        receivedAtMs: again ? before.receivedAtMs : this.#components.clock.now(),
        dismissed: again && before.dismissed,
      },
    }
  }

  /** Nothing is said to those I do not have, nor before there is a card. */
  async #sayHello(peer: PeerIdString): Promise<void> {
    const session = this.#sessions.get(peer)
    const row = this.#contacts.get(peer)
    if (session === undefined || row === undefined || this.#card === null) return
    if (!row.added || row.blocked) return
    const frame = helloCodec.encode({
      type: 'hello',
      card: this.#card.bytes,
      sinceMs: row.addedAtMs,
      mutual: row.heard,
    })
    try {
      await session.channel.send(frame)
    } catch (error) {
      // The next channel begins with a hello.
      this.#components.logger.debug(`hello to ${peer} not sent: ${String(error)}`)
    }
  }

  async #followProfile(signal: AbortSignal): Promise<void> {
    try {
      for await (const profile of this.#components.profile.watchProfile({ signal })) {
        this.#name = profile?.name ?? null
        await this.#renewCard()
      }
    } catch (error) {
      if (!signal.aborted) this.#components.logger.error('lost sight of the profile', error)
    }
  }

  readonly #onNetwork = (): void => {
    void this.#renewCard().catch((error: unknown) => {
      this.#components.logger.error('no new card', error)
    })
  }

  /** Signs my card anew when what is on it changed, and tells everybody who listens. */
  async #renewCard(): Promise<void> {
    const changed = await this.#alone(async () => {
      const { identity, peers } = this.#components
      const name = this.#name
      const relays = peers.myRelays().slice(0, MAX_CARD_RELAYS)
      if (name === null) return false
      if (this.#card?.name === name && equalLists(this.#card.relays, relays)) return false
      const { peer, keyCommitment } = identity
      const card: Card = { peer, name, keyCommitment, relays, expiresAtMs: null }
      this.#card = { bytes: await sealCard(card, identity), name, relays }
      return true
    })
    // The plain form may change without the card.
    for (const again of [...this.#cardListeners]) again()
    if (!changed) return
    await Promise.all([...this.#sessions.keys()].map((peer) => this.#sayHello(peer)))
  }

  #myCode(): MyCode | null {
    if (this.#card === null) return null
    const { identity, network } = this.#components
    return {
      fragment: cardFragment(this.#card.bytes),
      plain: plainCode(identity.peer, plainAddress(network.addresses())),
    }
  }

  readonly #onPath = ({ detail: { peer, path } }: PeersEvents['path']): void => {
    if (!this.#here.has(peer)) return
    if (path === 'offline') this.#here.delete(peer)
    this.#seen(peer)
  }

  /** A contact came, moved to another path, or left. */
  #seen(peer: PeerIdString): void {
    if (!this.#contacts.has(peer)) return
    for (const again of [...this.#hereListeners]) again()
    const { clock, logger, store } = this.#components
    const lastSeenAtMs = clock.now()
    this.#alone(async () => {
      const row = this.#contacts.get(peer)
      if (row === undefined) return
      this.#contacts.set(peer, { ...row, lastSeenAtMs })
      await store.setLastSeen(peer, lastSeenAtMs)
    }).catch((error: unknown) => {
      logger.warn(`last seen of a contact not stored: ${String(error)}`)
    })
  }
}

function stateOf(row: ContactRow): ContactState {
  if (row.blocked) return 'blocked'
  return row.heard ? 'mutual' : 'waiting'
}

/** Until their first hello, somebody added by the plain form is called by the end of their id. */
function displayName({ name, peer }: ContactRow): string {
  return name === '' ? `…${peer.slice(-8)}` : name
}

function withCode(row: ContactRow, code: Code): ContactRow {
  const relays = [...new Set([...code.relays, ...row.relays])].slice(0, MAX_CARD_RELAYS)
  if (code.type === 'plain') return { ...row, relays }
  return {
    ...row,
    relays,
    // What they said themselves on a channel is newer than a code that lay around.
    name: row.name === '' ? code.name : row.name,
    keyCommitment: row.keyCommitment ?? code.keyCommitment,
  }
}

function heard(row: ContactRow, card: Card, sinceMs: number): ContactRow {
  const { name, keyCommitment } = card
  const relays = card.relays.length === 0 ? row.relays : card.relays
  return { ...row, heard: true, name, keyCommitment, relays, sinceMs }
}

/** Keeps somebody who still has me from coming back as a request by themselves. */
function dismissedRequest(contact: ContactRow, nowMs: number): RequestRow | null {
  const { peer, name, keyCommitment, relays, sinceMs } = contact
  if (!contact.heard || keyCommitment === null || sinceMs === null) return null
  return { peer, name, keyCommitment, relays, sinceMs, receivedAtMs: nowMs, dismissed: true }
}

/** Of my addresses the one that says most to others: through a relay with a name, and nothing in it that expires. */
function plainAddress(addresses: string[]): string | null {
  const lasting = addresses.filter(
    (address) => address.includes('/p2p-circuit') && !/\/(?:certhash|webrtc)(?:\/|$)/.test(address),
  )
  return lasting.find((address) => address.startsWith('/dns')) ?? lasting[0] ?? null
}

function equalLists(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index])
}
