import type { MailboxRelayRow, StarlingDatabase, WakeUpsRow } from '../../db/schema.ts'
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

/** Where relays wake this browser, and what they were told. Writes @throws StorageFullError. */
export interface WakeUpsStore {
  get(): Promise<WakeUpsRow | undefined>
  put(row: WakeUpsRow): Promise<void>
}

export class DexieWakeUpsStore implements WakeUpsStore {
  readonly #db: Pick<StarlingDatabase, 'wakeUps'>

  constructor(db: Pick<StarlingDatabase, 'wakeUps'>) {
    this.#db = db
  }

  get(): Promise<WakeUpsRow | undefined> {
    return this.#db.wakeUps.get('me')
  }

  async put(row: WakeUpsRow): Promise<void> {
    await orStorageFull(this.#db.wakeUps.put(row))
  }
}
