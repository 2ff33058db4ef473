import { Dexie, type Table } from 'dexie'
import type { ProgressRow, StarlingDatabase } from '../db/schema.ts'
import { orStorageFull } from '../db/storage-full.ts'
import { equalBytes } from '../protocol/codec.ts'
import type { ChainId, MessageId, PeerIdString } from '../protocol/ids.ts'
import type { Clock } from '../protocol/seams.ts'
import {
  heldOf,
  keptBefore,
  type Chains,
  type Delivered,
  type Early,
  type Outgoing,
  type Owed,
} from './chain.ts'
import { eraseReceived } from './outbox.ts'
import type { Place } from '../protocol/place.ts'
import { spendPrekey } from './prekey-store.ts'
import type { KeyStep } from './seams.ts'

/**
 * What delivery must remember. Each method is one transaction: all of it is durable once it resolves, or none of it
 * happened. All writes @throws StorageFullError.
 */
export interface DeliveryStore {
  chains(peer: PeerIdString): Promise<Chains | null>
  /** The message sent for this intent before. */
  sentFor(peer: PeerIdString, intent: string): Promise<MessageId | null>
  /** My messages of `chain` after number `after`, in order, at most `limit`. */
  outbox(peer: PeerIdString, chain: ChainId, after: number, limit: number): Promise<Outgoing[]>
  /** The keys for this peer (`KeyStep`); null before the first session. */
  sessions(peer: PeerIdString): Promise<Uint8Array | null>
  /** What waits for its predecessors, in order. @param chain by default all of theirs, each by itself */
  early(peer: PeerIdString, chain?: ChainId): Promise<Early[]>
  /** How far my chain has come is told to the journal when it has come farther. */
  putChains(chains: Chains): Promise<void>
  /** Whether an item with this mark was opened. */
  wasOpened(mark: string): Promise<boolean>
  /** Forgets marks older than this. */
  forgetOpened(beforeMs: number): Promise<void>
  putStep(peer: PeerIdString, step: KeyStep): Promise<void>
  /** Peers who lack messages of mine, or are owed a note. */
  waiting(): Promise<PeerIdString[]>
  owed(peer: PeerIdString): Promise<Owed[]>
  /** Puts a note in the place of the one of its type. @param step null when it is not sealed yet */
  putOwed(owed: Owed, step: KeyStep | null): Promise<void>
  settleOwed(peer: PeerIdString, type: Owed['type']): Promise<void>
  place(peer: PeerIdString): Promise<Place | null>
  putPlace(peer: PeerIdString, place: Place): Promise<void>
  /** A relay keeps this message, and so my chain has come as far as told. */
  putReceipts(outgoing: Outgoing, chains: Chains): Promise<void>
  putEarly(early: Early, step: KeyStep): Promise<void>
  /** @param step null when the message was not sealed yet */
  putSent(
    chains: Chains,
    outgoing: Outgoing,
    message: Delivered,
    step: KeyStep | null,
  ): Promise<void>
  /** A message that waited for keys is sealed. */
  putSealed(outgoing: Outgoing, step: KeyStep): Promise<void>
  /** Keys of a new session; what was sealed of `chain` after number `after` is to be sealed again, and not stored until then. */
  putKeys(peer: PeerIdString, step: KeyStep, chain: ChainId, after: number): Promise<void>
  /** Deletes the keys for this peer; with what was sealed of `chain` after number `after` it is as in `putKeys`. */
  forgetKeys(peer: PeerIdString, chain: ChainId, after: number): Promise<void>
  /** What relays keep of `chain` from number `first` to `last` is to be put there once more; until then it is not stored. */
  dropReceipts(peer: PeerIdString, chain: ChainId, first: number, last: number): Promise<void>
  /** Takes the messages in and what waited early in `chain` up to the last of them away. */
  putReceived(
    chains: Chains,
    messages: Delivered[],
    early: Early[],
    step: KeyStep | null,
  ): Promise<void>
  /** All theirs up to this message are read now. Gives the chains after that; null when nothing changed. */
  markRead(peer: PeerIdString, upTo: MessageId): Promise<Chains | null>
  /** Deletes every message of both, and the outbox. */
  forget(chains: Chains): Promise<void>
}

/** A feature's own rows about its messages, written in delivery's transactions. A throw undoes all of one. */
export interface Journal {
  readonly tables: readonly Table[]
  sent(message: Delivered): Promise<void>
  received(message: Delivered): Promise<void>
  /**
   * Gives the number of `chain` up to which all is read now, with what no message came after: 0 when nothing is, Infinity when
   * all is that came.
   */
  read(peer: PeerIdString, upTo: MessageId, chain: ChainId): Promise<number>
  /** All of my `chain` up to `upTo` has come so far at `atMs`, and before that all up to `from`. */
  progressed(row: ProgressRow, from: number): Promise<void>
  /** Of my `chain` no more than all up to `upTo` is stored: what lies at relays beyond that has to be put there anew. */
  lost(peer: PeerIdString, chain: ChainId, upTo: number): Promise<void>
  forgotten(peer: PeerIdString): Promise<void>
}

const STATES = ['stored', 'received', 'read'] as const satisfies readonly ProgressRow['state'][]

export class DexieDeliveryStore implements DeliveryStore {
  readonly #db: StarlingDatabase
  readonly #journal: Journal
  readonly #clock: Clock

  constructor(db: StarlingDatabase, journal: Journal, clock: Clock) {
    this.#db = db
    this.#journal = journal
    this.#clock = clock
  }

  async chains(peer: PeerIdString): Promise<Chains | null> {
    return (await this.#db.chains.get(peer)) ?? null
  }

  async sentFor(peer: PeerIdString, intent: string): Promise<MessageId | null> {
    return (await this.#db.outbox.get({ peer, intent }))?.id ?? null
  }

  outbox(peer: PeerIdString, chain: ChainId, after: number, limit: number): Promise<Outgoing[]> {
    return this.#outboxAfter(peer, chain, after).limit(limit).toArray()
  }

  async sessions(peer: PeerIdString): Promise<Uint8Array | null> {
    return (await this.#db.sessions.get(peer))?.sessions ?? null
  }

  early(peer: PeerIdString, chain?: ChainId): Promise<Early[]> {
    return this.#db.early
      .where('[peer+chain+sequence]')
      .between([peer, chain ?? Dexie.minKey], [peer, chain ?? Dexie.maxKey, Dexie.maxKey])
      .toArray()
  }

  putChains(chains: Chains): Promise<void> {
    return this.#write(() => this.#advance(chains))
  }

  async wasOpened(mark: string): Promise<boolean> {
    return (await this.#db.opened.get(mark)) !== undefined
  }

  async forgetOpened(beforeMs: number): Promise<void> {
    await this.#db.opened.where('atMs').below(beforeMs).delete()
  }

  putStep(peer: PeerIdString, step: KeyStep): Promise<void> {
    return this.#write(() => this.#putStep(peer, step))
  }

  async waiting(): Promise<PeerIdString[]> {
    const owed = await this.#db.owed.toArray()
    const behind = await this.#db.chains
      .filter(({ mine }) => heldOf(mine) < mine.sequence)
      .toArray()
    return [...new Set([...owed, ...behind].map(({ peer }) => peer))]
  }

  owed(peer: PeerIdString): Promise<Owed[]> {
    return this.#db.owed
      .where('[peer+type]')
      .between([peer, Dexie.minKey], [peer, Dexie.maxKey])
      .toArray()
  }

  putOwed(owed: Owed, step: KeyStep | null): Promise<void> {
    return this.#write(async () => {
      await this.#putStep(owed.peer, step)
      await this.#db.owed.put(owed)
    })
  }

  async settleOwed(peer: PeerIdString, type: Owed['type']): Promise<void> {
    await this.#db.owed.delete([peer, type])
  }

  async place(peer: PeerIdString): Promise<Place | null> {
    return (await this.#db.places.get(peer))?.place ?? null
  }

  async putPlace(peer: PeerIdString, place: Place): Promise<void> {
    await orStorageFull(this.#db.places.put({ peer, place }))
  }

  putReceipts(outgoing: Outgoing, chains: Chains): Promise<void> {
    return this.#write(async () => {
      const { envelope, receipts } = outgoing
      await this.#outboxAt(outgoing).modify((row) => {
        if (equalBytes(row.envelope, envelope)) row.receipts = receipts
      })
      await this.#advance(chains)
    })
  }

  dropReceipts(peer: PeerIdString, chain: ChainId, first: number, last: number): Promise<void> {
    return this.#write(async () => {
      await this.#db.outbox
        .where('[peer+chain+sequence]')
        .between([peer, chain, first], [peer, chain, last], true, true)
        .modify({ receipts: [] })
      await this.#lose(peer, chain, first)
    })
  }

  putEarly(early: Early, step: KeyStep): Promise<void> {
    return this.#write(async () => {
      await this.#db.early.put(early)
      await this.#putStep(early.peer, step)
    })
  }

  putSent(
    chains: Chains,
    outgoing: Outgoing,
    message: Delivered,
    step: KeyStep | null,
  ): Promise<void> {
    return this.#write(async () => {
      await this.#putStep(outgoing.peer, step)
      await this.#db.chains.put(chains)
      await this.#db.outbox.add(outgoing)
      await this.#journal.sent(message)
    })
  }

  putSealed(outgoing: Outgoing, step: KeyStep): Promise<void> {
    return this.#write(async () => {
      const { envelope, sealed, receipts } = outgoing
      await this.#putStep(outgoing.peer, step)
      await this.#outboxAt(outgoing).modify((row) => {
        // What was erased while it was sealed stays so.
        if (equalBytes(row.envelope, envelope)) Object.assign(row, { sealed, receipts })
      })
    })
  }

  putKeys(peer: PeerIdString, step: KeyStep, chain: ChainId, after: number): Promise<void> {
    return this.#write(async () => {
      await this.#putStep(peer, step)
      await this.#unseal(peer, chain, after)
    })
  }

  forgetKeys(peer: PeerIdString, chain: ChainId, after: number): Promise<void> {
    return this.#write(async () => {
      await this.#db.sessions.delete(peer)
      await this.#unseal(peer, chain, after)
    })
  }

  putReceived(
    chains: Chains,
    messages: Delivered[],
    early: Early[],
    step: KeyStep | null,
  ): Promise<void> {
    return this.#write(async () => {
      await this.#putStep(chains.peer, step)
      await this.#db.chains.put(chains)
      await this.#db.early.bulkDelete(
        early.map(({ peer, chain, sequence }) => [peer, chain, sequence]),
      )
      for (const message of messages) await this.#journal.received(message)
    })
  }

  markRead(peer: PeerIdString, upTo: MessageId): Promise<Chains | null> {
    return this.#write(async () => {
      const chains = await this.chains(peer)
      if (chains?.theirs == null) return null
      const all = await this.#journal.read(peer, upTo, chains.theirs.chain)
      const read = Math.min(all, chains.theirs.sequence)
      if (read <= chains.theirs.read) return null
      const after = { ...chains, theirs: { ...chains.theirs, read } }
      await this.#db.chains.put(after)
      return after
    })
  }

  forget(chains: Chains): Promise<void> {
    const { peer } = chains
    return this.#write(async () => {
      await this.#db.chains.put(chains)
      for (const table of [this.#db.outbox, this.#db.early]) {
        await table
          .where('[peer+chain+sequence]')
          .between([peer, Dexie.minKey, Dexie.minKey], [peer, Dexie.maxKey, Dexie.maxKey])
          .delete()
      }
      await this.#journal.forgotten(peer)
    })
  }

  #outboxAt({ peer, chain, sequence }: Outgoing) {
    return this.#db.outbox.where('[peer+chain+sequence]').equals([peer, chain, sequence])
  }

  #outboxAfter(peer: PeerIdString, chain: ChainId, after: number) {
    return this.#db.outbox
      .where('[peer+chain+sequence]')
      .between([peer, chain, after], [peer, chain, Dexie.maxKey], false, false)
  }

  async #unseal(peer: PeerIdString, chain: ChainId, after: number): Promise<void> {
    await this.#outboxAfter(peer, chain, after).modify({ sealed: null, receipts: [] })
    await this.#lose(peer, chain, after + 1)
  }

  /** Receipts for what is from number `first` on are gone. */
  async #lose(peer: PeerIdString, chain: ChainId, first: number): Promise<void> {
    const chains = await this.chains(peer)
    if (chains?.mine.chain !== chain) return
    const mine = keptBefore(chains.mine, first)
    if (mine.stored === chains.mine.stored) return
    await this.#db.chains.put({ ...chains, mine })
    await this.#journal.lost(peer, chain, mine.stored)
  }

  async #advance(chains: Chains): Promise<void> {
    const { peer, mine } = chains
    const before = (await this.chains(peer))?.mine
    await this.#db.chains.put(chains)
    if (before?.chain !== mine.chain) return
    // One time for all: what they hold is stored as well, and was not so before.
    const atMs = this.#clock.now()
    for (const state of STATES) {
      if (mine[state] <= before[state]) continue
      const row = { peer, chain: mine.chain, state, upTo: mine[state], atMs }
      await this.#journal.progressed(row, before[state])
    }
    if (mine.received > before.received) await eraseReceived(this.#db, peer, mine.received)
  }

  async #putStep(peer: PeerIdString, step: KeyStep | null): Promise<void> {
    if (step === null) return
    const { sessions, spent, opened } = step
    await this.#db.sessions.put({ peer, sessions })
    if (spent !== null) await spendPrekey(this.#db, spent)
    if (opened !== null) await this.#db.opened.put({ mark: opened, atMs: this.#clock.now() })
  }

  /** Dexie follows awaits that are nested, and keeps them in the transaction, only when told so by an async function. */
  #write<T>(work: () => Promise<T>): Promise<T> {
    const { chains, outbox, early, sessions, prekeys, opened, owed } = this.#db
    const own = [chains, outbox, early, sessions, prekeys, opened, owed]
    const tables = [...own, ...this.#journal.tables]
    return orStorageFull(this.#db.transaction('rw', tables, async () => work()))
  }
}
