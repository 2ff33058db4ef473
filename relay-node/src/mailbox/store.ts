/**
 * Where a relay keeps what waits for people who sleep. A relay knows a mailbox by its id alone, and of a sender no more
 * than the name on the pass the mailbox's owner has given out.
 *
 * A store is complete when tests/unit/relay/mailbox/compliance.ts passes on it.
 */

/** 32 bytes: the public key its owner signs requests with. */
export type MailboxId = Uint8Array

export interface NewItem {
  mailbox: MailboxId
  /** Of the sender's pass; quotas are counted by it. */
  sender: string
  /** SHA-256 of `bytes`. */
  id: Uint8Array
  bytes: Uint8Array
  /** By the relay's clock. */
  storedAtMs: number
  expiresAtMs: number
}

/** An item without its bytes. */
export interface Entry {
  /** Grows with each item of a mailbox; never used again. */
  number: number
  id: Uint8Array
  byteLength: number
  storedAtMs: number
  expiresAtMs: number
}

export interface Quotas {
  itemsPerMailbox: number
  bytesPerMailbox: number
  bytesPerSender: number
  bytesInAll: number
}

export interface MailboxStore {
  /**
   * Resolves once the item outlives a power cut. One that is there already stays as it is.
   * @throws MailboxFullError and keeps nothing of it
   */
  put(item: NewItem): Promise<Entry>
  /** Items with a number above `after`, in order, at most `limit`; without those that have expired. */
  list(mailbox: MailboxId, after: number, limit: number, nowMs: number): Promise<Entry[]>
  /** Bytes of one item; null when it is not there. */
  get(mailbox: MailboxId, number: number): Promise<Uint8Array | null>
  /** Resolves once the items are gone for good. Those not there are left out. */
  remove(mailbox: MailboxId, numbers: readonly number[]): Promise<void>
  /** Removes expired items, at most `limit`; gives how many. */
  sweep(nowMs: number, limit: number): Promise<number>
  /** What all mailboxes hold. */
  readonly usage: { items: number; bytes: number }
  close(): Promise<void>
}
