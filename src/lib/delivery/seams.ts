import type { MessageId, PeerIdString } from '../protocol/ids.ts'

/** What sealing or opening changed of the keys; to be stored with the message. Secret. */
export interface KeyStep {
  /** Sessions with this peer (crypto/sessions-codec.ts). */
  sessions: Uint8Array
  /** The one-time prekey of mine that is used up now; null when none is. */
  spent: number | null
}

/**
 * Encrypts envelopes end to end. It keeps nothing itself: each step is stored in the transaction of the message it
 * belongs to, so keys and messages never part (docs/adr/0007).
 */
export interface Sealer {
  /**
   * Null while there are no keys of theirs to seal with: the envelope waits in the outbox. Adds at most
   * `MAX_SEAL_OVERHEAD_BYTES`, padding included.
   */
  seal(
    peer: PeerIdString,
    envelope: Uint8Array,
  ): Promise<{ sealed: Uint8Array; step: KeyStep } | null>
  /** @throws CannotOpenError when it is sealed with keys that are not here, or no longer */
  open(peer: PeerIdString, sealed: Uint8Array): Promise<{ envelope: Uint8Array; step: KeyStep }>
  /** What this peer needs to begin a session with me. Durable before it is given. @throws StorageFullError */
  give(peer: PeerIdString): Promise<Uint8Array>
  /** Begins a session with what they gave. @throws StarlingError when it is not theirs */
  begin(peer: PeerIdString, given: Uint8Array): Promise<KeyStep>
}

/** Keeps sealed messages for a peer that sleeps. What it gives back goes to `Delivery.receive`. */
export interface Mailbox {
  /** The message is durable in the outbox and its peer not connected. Must not throw. */
  deposit(peer: PeerIdString, id: MessageId, sealed: Uint8Array): void
}

/** Keeps nothing: messages wait in the outbox until both are online. */
export const noMailbox: Mailbox = { deposit: () => undefined }
