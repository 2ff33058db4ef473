import { live, type LiveOptions } from '../../db/live.ts'
import type { ContactRow, RequestRow, StarlingDatabase } from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Relation } from './relation.ts'

/** Remembers contacts and requests. */
export interface ContactsStore {
  contacts(): Promise<ContactRow[]>
  relation(peer: PeerIdString): Promise<Relation>
  watchContacts<T>(shape: (rows: ContactRow[]) => T, options?: LiveOptions): AsyncIterable<T>
  /** Not the dismissed ones; newest first. */
  watchRequests<T>(shape: (rows: RequestRow[]) => T, options?: LiveOptions): AsyncIterable<T>
  /**
   * Puts both rows in place of what is known of `peer`, in one transaction. Of more than `maxRequests` the oldest
   * are dropped. @throws StorageFullError
   */
  replace(peer: PeerIdString, relation: Relation, maxRequests: number): Promise<void>
  /** Nothing when it is no contact. */
  setLastSeen(peer: PeerIdString, lastSeenAtMs: number): Promise<void>
}

export class DexieContactsStore implements ContactsStore {
  readonly #db: StarlingDatabase

  constructor(db: StarlingDatabase) {
    this.#db = db
  }

  contacts(): Promise<ContactRow[]> {
    return this.#db.contacts.toArray()
  }

  relation(peer: PeerIdString): Promise<Relation> {
    const { contacts, requests } = this.#db
    return this.#db.transaction('r', contacts, requests, async () => ({
      contact: (await contacts.get(peer)) ?? null,
      request: (await requests.get(peer)) ?? null,
    }))
  }

  watchContacts<T>(shape: (rows: ContactRow[]) => T, options?: LiveOptions): AsyncIterable<T> {
    return live(async () => shape(await this.#db.contacts.toArray()), options)
  }

  watchRequests<T>(shape: (rows: RequestRow[]) => T, options?: LiveOptions): AsyncIterable<T> {
    return live(async () => {
      const rows = await this.#db.requests.orderBy('receivedAtMs').reverse().toArray()
      return shape(rows.filter(({ dismissed }) => !dismissed))
    }, options)
  }

  replace(peer: PeerIdString, { contact, request }: Relation, maxRequests: number): Promise<void> {
    const { contacts, requests } = this.#db
    return orStorageFull(
      this.#db.transaction('rw', contacts, requests, async () => {
        await (contact === null ? contacts.delete(peer) : contacts.put(contact))
        if (request === null) {
          await requests.delete(peer)
          return
        }
        await requests.put(request)
        const excess = (await requests.count()) - maxRequests
        if (excess > 0) await requests.orderBy('receivedAtMs').limit(excess).delete()
      }),
    )
  }

  async setLastSeen(peer: PeerIdString, lastSeenAtMs: number): Promise<void> {
    await orStorageFull(this.#db.contacts.update(peer, { lastSeenAtMs }))
  }
}
