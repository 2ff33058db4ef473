import { Dexie, type Table } from 'dexie'
import type { StarlingDatabase } from '../db/schema.ts'
import { orStorageFull } from '../db/storage-full.ts'
import type { ChainId, MessageId, PeerIdString } from '../protocol/ids.ts'
import type { Chains, Delivered, Early, Outgoing } from './chain.ts'

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
  /** What waits for its predecessors, in order. */
  early(peer: PeerIdString, chain: ChainId): Promise<Early[]>
  putChains(chains: Chains): Promise<void>
  putEarly(early: Early): Promise<void>
  putSent(chains: Chains, outgoing: Outgoing, message: Delivered): Promise<void>
  /** Takes the messages in and what waited early in `chain` up to the last of them away. */
  putReceived(chains: Chains, messages: Delivered[], early: Early[]): Promise<void>
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
  /** Gives the highest number of `chain` that is read now, 0 when none is. */
  read(peer: PeerIdString, upTo: MessageId, chain: ChainId): Promise<number>
  forgotten(peer: PeerIdString): Promise<void>
}

export class DexieDeliveryStore implements DeliveryStore {
  readonly #db: StarlingDatabase
  readonly #journal: Journal

  constructor(db: StarlingDatabase, journal: Journal) {
    this.#db = db
    this.#journal = journal
  }

  async chains(peer: PeerIdString): Promise<Chains | null> {
    return (await this.#db.chains.get(peer)) ?? null
  }

  async sentFor(peer: PeerIdString, intent: string): Promise<MessageId | null> {
    return (await this.#db.outbox.get({ peer, intent }))?.id ?? null
  }

  outbox(peer: PeerIdString, chain: ChainId, after: number, limit: number): Promise<Outgoing[]> {
    return this.#db.outbox
      .where('[peer+chain+sequence]')
      .between([peer, chain, after], [peer, chain, Dexie.maxKey], false, false)
      .limit(limit)
      .toArray()
  }

  early(peer: PeerIdString, chain: ChainId): Promise<Early[]> {
    return this.#db.early
      .where('[peer+chain+sequence]')
      .between([peer, chain, Dexie.minKey], [peer, chain, Dexie.maxKey])
      .toArray()
  }

  async putChains(chains: Chains): Promise<void> {
    await orStorageFull(this.#db.chains.put(chains))
  }

  async putEarly(early: Early): Promise<void> {
    await orStorageFull(this.#db.early.put(early))
  }

  putSent(chains: Chains, outgoing: Outgoing, message: Delivered): Promise<void> {
    return this.#write(async () => {
      await this.#db.chains.put(chains)
      await this.#db.outbox.add(outgoing)
      await this.#journal.sent(message)
    })
  }

  putReceived(chains: Chains, messages: Delivered[], early: Early[]): Promise<void> {
    return this.#write(async () => {
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
      const read = await this.#journal.read(peer, upTo, chains.theirs.chain)
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

  #write<T>(work: () => Promise<T>): Promise<T> {
    const { chains, outbox, early } = this.#db
    const tables = [chains, outbox, early, ...this.#journal.tables]
    return orStorageFull(this.#db.transaction('rw', tables, work))
  }
}
