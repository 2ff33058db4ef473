import type { Identity } from '../../crypto/api.ts'
import type { ContactRow, RequestRow } from '../../db/schema.ts'
import type { Channels, Network, Peers } from '../../p2p/api.ts'
import { equalBytes } from '../../protocol/codec.ts'
import { equalLists } from '../../protocol/equal-lists.ts'
import { InvalidDataError } from '../../protocol/errors.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import { skeleton } from '../../protocol/lookalike.ts'
import { cleanName, shortenName } from '../../protocol/names.ts'
import type { Clock, Logger, Startable } from '../../protocol/seams.ts'
import { Turns } from '../../protocol/turns.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import type { ProfileApi } from '../profile/api.ts'
import type {
  CodePreview,
  Contact,
  ContactRequest,
  ContactsApi,
  MyCode,
  Nearby,
  Safety,
} from './api.ts'
import { openCard } from './card.ts'
import { parseCode, type Code } from './code.ts'
import { DifferentKeysError, OwnCodeError, UnknownContactError } from './errors.ts'
import { HelloChannels } from './hello-channels.ts'
import { MyCard } from './my-card.ts'
import { calledHere, likeNames } from './names.ts'
import { NearbyPeople } from './nearby.ts'
import { Pace } from './pace.ts'
import { Presence } from './presence.ts'
import { helloCodec, type Hello } from './protocol.ts'
import {
  added,
  dismissedRequest,
  displayName,
  heard,
  isRepeated,
  isVerified,
  isWanted,
  namesAnotherKey,
  requested,
  stateOf,
  stranger,
  withCode,
  withKey,
  type Relation,
} from './relation.ts'
import { SafetyNumbers } from './safety-numbers.ts'
import { readSafetyCode, safetyCode, safetyWords } from './safety.ts'
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
  network: Pick<
    Network,
    'addresses' | 'relays' | 'askRelay' | 'addEventListener' | 'removeEventListener'
  >
  profile: Pick<ProfileApi, 'watchProfile'>
  /** What is kept of conversations: messages, and the keys they are sealed with. */
  history: {
    deleteHistory(peer: PeerIdString): Promise<void>
    forgetKeys(peer: PeerIdString): Promise<void>
  }
  /** Says hello to those who sleep. */
  mail: {
    sayHello(peer: PeerIdString): Promise<void>
    /** They have heard it. */
    helloHeard(peer: PeerIdString): Promise<void>
  }
  store: ContactsStore
  clock: Clock
  logger: Logger
}

/**
 * Who has whom. Guarantees: a person is mutual only after their own signed hello; nobody becomes a contact without
 * my doing; a blocked peer is refused at the connection and changes nothing here; with one who shows another key than I
 * accepted nothing is exchanged; what a stranger can make me keep is bounded.
 */
export class ContactsService implements ContactsApi, Startable {
  readonly #components: ContactsComponents
  readonly #contacts = new Map<PeerIdString, ContactRow>()
  readonly #presence: Presence
  readonly #hereListeners = new Set<() => void>()
  readonly #card: MyCard
  readonly #nearby: NearbyPeople
  readonly #hellos: HelloChannels
  /** Being removed with their history. */
  readonly #leaving = new Set<PeerIdString>()
  readonly #numbers: SafetyNumbers
  readonly #newRequests: Pace
  /** Changes of what is known of a peer. */
  readonly #turns = new Turns<PeerIdString>()
  #running = false

  constructor(components: ContactsComponents) {
    this.#components = components
    this.#numbers = new SafetyNumbers(components.identity)
    this.#newRequests = new Pace(components.clock, MAX_NEW_REQUESTS_PER_MINUTE)
    this.#presence = new Presence(components.peers, (peer) => {
      this.#seen(peer)
    })
    this.#card = new MyCard(components, () => this.#hellos.sayToAll())
    this.#nearby = new NearbyPeople(components, {
      card: () => this.#card.bytes,
      isContact: (peer) => {
        const row = this.#contacts.get(peer)
        return row?.blocked === true ? null : row !== undefined
      },
    })
    this.#hellos = new HelloChannels(components, {
      accept: (peer) => this.#accepts(peer),
      hello: (peer) => this.#helloTo(peer),
      hear: async (peer, hello) => {
        await this.#hear(peer, hello, 'here')
      },
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
    this.#nearby.stop()
    await this.#hellos.stop()
    await this.#card.stop()
    this.#presence.stop()
    await this.#turns.idle()
  }

  /** What this contact is called here; null for everybody else. */
  nameOf(peer: PeerIdString): string | null {
    const row = this.#contacts.get(peer)
    return row === undefined ? null : calledHere(row)
  }

  /** SHA-256 of the ML-DSA key I accepted as this contact's; null while none was seen. */
  keyCommitmentOf(peer: PeerIdString): Uint8Array | null {
    return this.#contacts.get(peer)?.keyCommitment ?? null
  }

  /** Whether this peer and I have each other now, and I have not begun to remove them. */
  hasMutual(peer: PeerIdString): boolean {
    const row = this.#contacts.get(peer)
    return row !== undefined && stateOf(row) === 'mutual' && !this.#leaving.has(peer)
  }

  /** Whether I have this peer, and have not begun to remove them. */
  has(peer: PeerIdString): boolean {
    return isWanted(this.#contacts.get(peer) ?? null) && !this.#leaving.has(peer)
  }

  /** Everybody I have. */
  peers(): PeerIdString[] {
    return [...this.#contacts.values()].filter(isWanted).map(({ peer }) => peer)
  }

  /** Where and with which key a contact can be written to who sleeps; null when nothing is said to them. */
  contactable(peer: PeerIdString): Pick<ContactRow, 'relays' | 'keyCommitment'> | null {
    const row = this.#contacts.get(peer) ?? null
    // Nothing is said to a key that is not accepted yet.
    return row !== null && isWanted(row) && row.offeredCommitment === null ? row : null
  }

  /** What a contact is told of who has whom; null for everybody else. */
  helloFor(peer: PeerIdString): Uint8Array | null {
    const hello = this.#helloTo(peer)
    return hello === null ? null : helloCodec.encode(hello)
  }

  /** They said hello through a mailbox. @returns false when it is to be heard later @throws StarlingError */
  hearMailed(peer: PeerIdString, hello: Uint8Array): Promise<boolean> {
    return this.#hear(peer, helloCodec.decode(hello), 'mailbox')
  }

  watchContacts(options?: AbortOptions): AsyncIterable<Contact[]> {
    return this.#components.store.watchContacts((rows) => this.#list(rows), {
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
        rows.map(({ peer, name, keyCommitment, receivedAtMs }) => ({
          peer,
          name,
          sharesName: likeNames([...this.#contacts.values()]).has(skeleton(name)),
          safetyWords: safetyWords(this.#numbers.with({ peer, keyCommitment })),
          receivedAtMs,
        })),
      options,
    )
  }

  watchMyCode(options?: AbortOptions): AsyncIterable<MyCode> {
    return this.#card.watchCode(options)
  }

  watchNearby(options?: AbortOptions): AsyncIterable<Nearby> {
    return this.#nearby.watch(options)
  }

  async preview(text: string): Promise<CodePreview> {
    const { clock, identity, store } = this.#components
    const code = await parseCode(text, clock.now())
    const { peer } = code
    const { contact, request } = await store.relation(peer)
    const known = contact?.offeredCommitment ?? (contact ?? request)?.keyCommitment ?? null
    const keyCommitment = code.type === 'card' ? code.keyCommitment : known
    return {
      peer,
      name: code.type === 'card' ? code.name : null,
      safetyWords:
        keyCommitment === null ? null : safetyWords(this.#numbers.with({ peer, keyCommitment })),
      relation: peer === identity.peer ? 'self' : relationTo(code, contact, request),
    }
  }

  safety(peer: PeerIdString): Promise<Safety | null> {
    const row = this.#contacts.get(peer)
    if (row === undefined) throw new UnknownContactError('no such contact')
    const keyCommitment = row.offeredCommitment ?? row.keyCommitment
    if (keyCommitment === null) return Promise.resolve(null)
    const number = this.#numbers.with({ peer, keyCommitment })
    return Promise.resolve({ words: safetyWords(number), code: safetyCode(number) })
  }

  async verify(peer: PeerIdString, code: string, options?: AbortOptions): Promise<void> {
    const number = readSafetyCode(code)
    options?.signal?.throwIfAborted()
    /** The one of their keys that was compared. Those they offer first: that is what is being asked. */
    const compared = ({ offeredCommitment, keyCommitment }: ContactRow): Uint8Array => {
      const known = [offeredCommitment, keyCommitment].filter((each) => each !== null)
      const same = known.find((each) =>
        equalBytes(this.#numbers.with({ peer, keyCommitment: each }), number),
      )
      if (same === undefined) throw new DifferentKeysError('a code of other keys')
      return same
    }
    await this.#takeKey(peer, compared)
    await this.#change(peer, ({ contact, request }) => {
      if (contact === null) throw new UnknownContactError('no such contact')
      return { contact: { ...contact, verifiedCommitment: compared(contact) }, request }
    })
  }

  async unverify(peer: PeerIdString, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    await this.#edit(peer, { verifiedCommitment: null })
  }

  async acceptKey(peer: PeerIdString, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    await this.#takeKey(peer, ({ offeredCommitment }) => offeredCommitment)
  }

  async add(text: string, options?: AbortOptions): Promise<PeerIdString> {
    const { clock, identity } = this.#components
    const code = await parseCode(text, clock.now())
    if (code.peer === identity.peer) throw new OwnCodeError('my own code')
    options?.signal?.throwIfAborted()
    await this.#take(code.peer, (relation) => ({
      contact: withCode(this.#added(code.peer, relation), code),
      request: null,
    }))
    return code.peer
  }

  async accept(peer: PeerIdString, options?: AbortOptions): Promise<void> {
    options?.signal?.throwIfAborted()
    await this.#take(peer, (relation) => {
      if (relation.request === null) throw new UnknownContactError('no request of this peer')
      return { contact: this.#added(peer, relation), request: null }
    })
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

  /** Has one of their keys be the accepted one, and goes on with them. */
  async #takeKey(
    peer: PeerIdString,
    choose: (row: ContactRow) => Uint8Array | null,
  ): Promise<void> {
    const before = this.#contacts.get(peer)
    if (before === undefined) throw new UnknownContactError('no such contact')
    const chosen = choose(before)
    if (chosen === null || before.offeredCommitment === null) return
    // First: what was sealed for the old key never goes out, even when this ends in between.
    if (namesAnotherKey(before, { keyCommitment: chosen })) {
      await this.#components.history.forgetKeys(peer)
    }
    await this.#change(peer, ({ contact, request }) => {
      if (contact === null) throw new UnknownContactError('no such contact')
      return { contact: withKey(contact, chosen), request }
    })
    await this.#hellos.say(peer)
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

  #list(rows: ContactRow[]): Contact[] {
    const names = likeNames(rows)
    return rows.map((row) => this.#contact(row, names))
  }

  #contact(row: ContactRow, names: ReadonlyMap<string, number>): Contact {
    const state = stateOf(row)
    const heard = state === 'waiting' || state === 'mutual'
    return {
      peer: row.peer,
      name: displayName(row),
      alias: row.alias,
      note: row.note,
      state,
      verified: isVerified(row),
      sharesName: (names.get(skeleton(calledHere(row))) ?? 0) > 1,
      path: heard ? this.#presence.path(row.peer) : 'offline',
      lastSeenAtMs: row.lastSeenAtMs,
      addedAtMs: row.addedAtMs,
    }
  }

  /** Strangers too: this is where they ask. How many are connected at once the node bounds. */
  #accepts(peer: PeerIdString): boolean {
    if (peer === this.#components.identity.peer) return false
    return this.#contacts.get(peer)?.blocked !== true
  }

  /** Nothing is said to those I do not have, to one whose key changed, nor before there is a card. */
  #helloTo(peer: PeerIdString): Hello | null {
    const row = this.#contacts.get(peer)
    const card = this.#card.bytes
    if (row === undefined || !isWanted(row) || stateOf(row) === 'changed' || card === null) {
      return null
    }
    return { type: 'hello', card, sinceMs: row.addedAtMs, mutual: row.heard }
  }

  /** A contact of mine from now on, who is told so. */
  async #take(peer: PeerIdString, change: (before: Relation) => Relation): Promise<void> {
    const { mail } = this.#components
    // Owed before: a stop in between must not leave a contact who is told nothing.
    await mail.sayHello(peer)
    await this.#change(peer, change)
    await this.#hellos.say(peer)
    // Also to who seems to be here: a channel may be dead already and not known to be.
    await mail.sayHello(peer)
  }

  /** On the channel where there is one; it waits in their mailbox where there is none. */
  async #sayHello(peer: PeerIdString): Promise<void> {
    await this.#hellos.say(peer)
    if (!this.#presence.isHere(peer)) await this.#components.mail.sayHello(peer)
  }

  /** @returns false when it is to be heard later */
  async #hear(peer: PeerIdString, hello: Hello, from: 'here' | 'mailbox'): Promise<boolean> {
    const { clock, logger, mail } = this.#components
    const card = await openCard(hello.card, clock.now())
    if (card.peer !== peer) throw new InvalidDataError('a card of somebody else')
    let later = false
    const known = await this.#change(peer, ({ contact, request }) => {
      if (contact?.blocked === true) return null
      if (contact !== null && namesAnotherKey(contact, card)) {
        logger.warn(`${peer} says hello with another key than before`)
      }
      if (from === 'here') this.#presence.saidHello(peer)
      if (contact !== null) return { contact: heard(contact, card, hello.sinceMs), request: null }
      // Asking again and again for the same counts as one.
      later = !isRepeated(request, hello.sinceMs) && !this.#newRequests.take()
      if (later) return null
      return { contact: null, request: requested(card, hello.sinceMs, request, clock.now()) }
    })
    if (known === null || known.contact === null) return !later
    const answered = hello.mutual ? mail.helloHeard(peer) : this.#sayHello(peer)
    // Not waited for: what comes from a mailbox is heard while its sender's turn is on, and the answer waits for it.
    answered.catch((error: unknown) => {
      logger.warn(`no answer to the hello of ${peer}: ${String(error)}`)
    })
    return true
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

function relationTo(
  code: Code,
  contact: ContactRow | null,
  request: RequestRow | null,
): CodePreview['relation'] {
  if (contact === null) return request === null ? 'new' : 'requested-me'
  const another = code.type === 'card' && namesAnotherKey(contact, code)
  return another && !contact.blocked ? 'changed' : stateOf(contact)
}
