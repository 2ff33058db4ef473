import { sha256 } from '@noble/hashes/sha2.js'
import { toBase64url } from '../protocol/base64url.ts'
import type { PeerIdString } from '../protocol/ids.ts'
import type { Place } from '../protocol/place.ts'

/** What sealing or opening changed of the keys; to be stored with the message. Secret. */
export interface KeyStep {
  /** Sessions with this peer (crypto/sessions-codec.ts). */
  sessions: Uint8Array
  /** The one-time prekey of mine that is used up now; null when none is. */
  spent: number | null
  /** Mark of what was opened (`markOf`): it is known when it comes again. Null when it was sealed. */
  opened: string | null
}

/** What tells a sealed item from all others: SHA-256 of its bytes, in base64url. */
export function markOf(sealed: Uint8Array): string {
  return toBase64url(sha256(sealed))
}

/**
 * Encrypts contents (content.ts) end to end. It keeps nothing itself: each step is stored in the transaction of the message it
 * belongs to, so keys and messages never part (docs/adr/0007).
 */
export interface Sealer {
  /**
   * Null while there are no keys of theirs to seal with: what is to be said waits. Adds at most
   * `MAX_SEAL_OVERHEAD_BYTES`, padding included.
   */
  seal(
    peer: PeerIdString,
    content: Uint8Array,
  ): Promise<{ sealed: Uint8Array; step: KeyStep } | null>
  /** @throws CannotOpenError when it is sealed with keys that are not here, or no longer */
  open(peer: PeerIdString, sealed: Uint8Array): Promise<{ content: Uint8Array; step: KeyStep }>
  /**
   * Who says that they have sealed it, when it begins a session. `open` proves it.
   * @param known those with whom it may have begun already
   * @throws CannotOpenError
   */
  whose(sealed: Uint8Array, known: readonly PeerIdString[]): Promise<PeerIdString>
  /** Whether it begins a session, so that it opens without any. */
  begins(sealed: Uint8Array): boolean
  /**
   * Whether these begin sessions with keys of theirs that I took lately enough for a relay to keep them: whoever has let
   * those keys go sees from none of it whom to tell.
   */
  openAlone(peer: PeerIdString, sealed: readonly Uint8Array[]): Promise<boolean>
  /** What this peer needs to begin a session with me. Durable before it is given. @throws StorageFullError */
  give(peer: PeerIdString): Promise<Uint8Array>
  /** What strangers and contacts need while I sleep: my bundle, and `count` one-time prekeys it vouches for. */
  publish(count: number): Promise<{ bundle: Uint8Array; oneTime: Uint8Array[] }>
  /** Begins a session with what they gave. @throws StarlingError when it is not theirs */
  begin(peer: PeerIdString, given: Uint8Array): Promise<KeyStep>
}

/** Takes what is to be said to a peer that sleeps to mailboxes. What comes from them goes to `Delivery.receiveItem`. */
export interface Mail {
  /** Something durable waits for this peer: a message, or a note that is owed. Must not throw. */
  post(peer: PeerIdString): void
  /** Where I can be written to by this peer, when they are told. */
  place(peer: PeerIdString): Promise<Place>
}
