import type { MessageId, PeerIdString } from '../protocol/ids.ts'

/** Encrypts envelopes end to end. What is sealed once is sent the same each time. */
export interface Sealer {
  /** Adds at most `MAX_SEAL_OVERHEAD_BYTES`. */
  seal(peer: PeerIdString, envelope: Uint8Array): Promise<Uint8Array>
  /** @throws StarlingError when it cannot be opened: the channel then ends. */
  open(peer: PeerIdString, sealed: Uint8Array): Promise<Uint8Array>
}

/** Leaves envelopes as they are: the connection alone encrypts. */
export const plainSealer: Sealer = {
  seal: (_peer, envelope) => Promise.resolve(envelope),
  open: (_peer, sealed) => Promise.resolve(sealed),
}

/** Keeps sealed messages for a peer that sleeps. What it gives back goes to `Delivery.receive`. */
export interface Mailbox {
  /** The message is durable in the outbox and its peer not connected. Must not throw. */
  deposit(peer: PeerIdString, id: MessageId, sealed: Uint8Array): void
}

/** Keeps nothing: messages wait in the outbox until both are online. */
export const noMailbox: Mailbox = { deposit: () => undefined }
