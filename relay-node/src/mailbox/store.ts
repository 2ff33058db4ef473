/**
 * Where a relay keeps what waits for people who sleep. A relay knows a mailbox by its id alone, and of a sender no more
 * than the name on the pass the mailbox's owner has given out.
 *
 * A store is complete when tests/compliance/mailbox-store.ts passes on it.
 */

/** 32 bytes: the public key its owner signs requests with. */
export type MailboxId = Uint8Array

/**
 * What each thing kept counts beside its own bytes, a mailbox itself too: rows and indexes take room, and many small
 * things must not fill the disk.
 */
export const ROW_BYTES = 512

/**
 * How long an empty mailbox is remembered, so that its numbers go on. Those of a forgotten one begin at the time, which
 * is above all it had unless the relay's clock was set back by more than this.
 */
export const EMPTY_MAILBOX_LIFE_MS = 24 * 60 * 60 * 1_000

export interface NewItem {
  mailbox: MailboxId
  /** On the sender's pass; null for one who has shown work. */
  sender: Uint8Array | null
  /** Of the sender, that it is theirs; null for one who has shown work. */
  proof: Uint8Array | null
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
  sender: Uint8Array | null
  proof: Uint8Array | null
  id: Uint8Array
  byteLength: number
  storedAtMs: number
  expiresAtMs: number
}

/** What lets others write to a mailbox's owner who sleeps; sealed, so only bytes here. */
export interface Prekeys {
  /** Of the owner's request: a later one replaces, an earlier one that comes late does not. */
  second: number
  bundle: Uint8Array
  /** Each is given to one taker. */
  oneTime: readonly Uint8Array[]
  expiresAtMs: number
}

/** Whom to wake when something comes. */
export interface Wake {
  /** As `Prekeys.second`. */
  second: number
  /** An address of Web Push (RFC 8030); null for nobody, kept so long as an earlier request may come late. */
  endpoint: string | null
  expiresAtMs: number
}

/** In bytes, with `ROW_BYTES` for each thing. */
export interface Quotas {
  mailbox: number
  /** Of one sender with a pass, in one mailbox. */
  sender: number
  /** Of all who have shown work, together, in one mailbox. */
  strangers: number
  /** Of all mailboxes. */
  relay: number
}

/** What all mailboxes hold. */
export interface Usage {
  items: number
  bytes: number
}

/** 16 random bytes that name the store, and the key pair that wake-ups are signed with. */
export type ConstantName = 'store' | 'wake-key'

export interface MailboxStore {
  /** Keeps this under the name, unless something is; gives what is kept, which never changes. */
  constant(name: ConstantName, value: Uint8Array): Promise<Uint8Array>
  /**
   * Resolves once the item outlives a power cut. One that is there already stays as it is.
   * @throws MailboxFullError and keeps nothing of it
   */
  put(item: NewItem): Promise<Entry>
  /** Items with a number above `after`, in order, at most `limit`; without those that have expired. */
  list(mailbox: MailboxId, after: number, limit: number, nowMs: number): Promise<Entry[]>
  /** Bytes of items by their number; those that are not there are left out. */
  read(mailbox: MailboxId, numbers: readonly number[]): Promise<Map<number, Uint8Array>>
  /** Resolves once the items are gone for good. Those not there are left out. */
  remove(mailbox: MailboxId, numbers: readonly number[], nowMs: number): Promise<void>
  /**
   * Replaces all prekeys, unless those there are of the same second or later.
   * @throws MailboxFullError and changes nothing
   */
  publish(mailbox: MailboxId, prekeys: Prekeys): Promise<void>
  /** How many one-time prekeys there are; null when nothing is published, or has expired. */
  oneTimeLeft(mailbox: MailboxId, nowMs: number): Promise<number | null>
  /**
   * The bundle, and with `oneTime` one of the one-time prekeys, which is gone for good before this resolves; null when
   * none is left. Null in all when nothing is published, or has expired.
   */
  take(mailbox: MailboxId, oneTime: boolean, nowMs: number): Promise<Taken | null>
  /**
   * Replaces whom to wake, unless what is there is of the same second or later.
   * @throws MailboxFullError and changes nothing
   */
  wakeAt(mailbox: MailboxId, wake: Wake): Promise<void>
  /** What was asked for last, also to wake nobody; null when nothing was, or it has expired. */
  wake(mailbox: MailboxId, nowMs: number): Promise<Wake | null>
  /** Removes what has expired and long empty mailboxes, at most `limit` things; gives how many. */
  sweep(nowMs: number, limit: number): Promise<number>
  usage(): Promise<Usage>
  close(): Promise<void>
}

export interface Taken {
  bundle: Uint8Array
  oneTime: Uint8Array | null
}

/** What a thing with these bytes counts. */
export function sizeOf(...parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { byteLength }) => sum + ROW_BYTES + byteLength, 0)
}
