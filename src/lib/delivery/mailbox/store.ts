import type { MailboxRelayRow, StarlingDatabase } from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'

export type MailboxRelay = MailboxRelayRow

/** The relays that keep my mailboxes, and did. Writes @throws StorageFullError. */
export interface MailboxRelayStore {
  all(): Promise<MailboxRelay[]>
  put(relay: MailboxRelay): Promise<void>
  delete(address: string): Promise<void>
}

export class DexieMailboxRelayStore implements MailboxRelayStore {
  readonly #db: Pick<StarlingDatabase, 'mailboxRelays'>

  constructor(db: Pick<StarlingDatabase, 'mailboxRelays'>) {
    this.#db = db
  }

  all(): Promise<MailboxRelay[]> {
    return this.#db.mailboxRelays.toArray()
  }

  async put(relay: MailboxRelay): Promise<void> {
    await orStorageFull(this.#db.mailboxRelays.put(relay))
  }

  delete(address: string): Promise<void> {
    return this.#db.mailboxRelays.delete(address)
  }
}
