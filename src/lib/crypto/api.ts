import type { PrivateKey } from '@libp2p/interface'
import type { PeerIdString } from '../protocol/ids.ts'
import type { Random } from '../protocol/seams.ts'
import type { Signer } from '../protocol/signed.ts'

/** My own keys, for signing. Secrets stay inside. */
export interface Identity {
  readonly peer: PeerIdString
  /** Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>
  /** SHA-256 of my ML-DSA-65 public key: what the contact card commits to. 32 bytes. */
  readonly keyCommitment: Uint8Array<ArrayBuffer>
  /** Ed25519 (RFC 8032) over `context || 0x00 || bytes`; 64 bytes. `context` names the kind of object. */
  sign(context: string, bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>>
}

/** My keys for end-to-end encryption. Secrets stay inside. */
export interface MessagingIdentity extends Identity {
  /** ML-DSA-65 public key, 1952 bytes. Takes milliseconds. */
  mlDsaKey(): Uint8Array<ArrayBuffer>
  /** ML-DSA-65 (FIPS 204, hedged, empty context) over `context || 0x00 || bytes`; 3309 bytes. Takes milliseconds. */
  signPostQuantum(context: string, bytes: Uint8Array): Uint8Array<ArrayBuffer>
  /** X25519 (RFC 7748) with the identity key on Curve25519; 32 bytes. Throws at a key of small order. */
  agree(theirs: Uint8Array): Uint8Array<ArrayBuffer>
  /** Owner of my mailbox for contacts in this epoch (mailbox-keys.ts). */
  contactsMailbox(epoch: number): Signer
  /** Owner of my mailbox for those who have my card. */
  introductionMailbox(epoch: number): Signer
  /** Seals what only I can open, in any installation: XChaCha20-Poly1305. */
  sealForMyself(plaintext: Uint8Array, random: Random): Uint8Array<ArrayBuffer>
  /** @throws CannotOpenError */
  openOfMyself(sealed: Uint8Array): Uint8Array
  /** What this contact is called on passes for my mailbox; 16 bytes. */
  senderName(epoch: number, contact: PeerIdString): Uint8Array
  /** Secret half of the key in these passes; 32 bytes. */
  senderSecret(epoch: number, contact: PeerIdString): Uint8Array<ArrayBuffer>
}

/** What the libp2p node alone is given: it signs handshakes with the key itself. */
export interface NodeIdentity extends MessagingIdentity {
  libp2pKey(): PrivateKey
}

/** What an identity is made from again after a restart. The seeds are secret. */
export interface IdentitySecrets {
  /** RFC 8032 private key, 32 bytes. */
  readonly ed25519Seed: Uint8Array<ArrayBuffer>
  /** ξ of FIPS 204 key generation, 32 bytes. */
  readonly mlDsaSeed: Uint8Array<ArrayBuffer>
  /** SHA-256 of the ML-DSA-65 public key, kept because making that key takes milliseconds at each start. */
  readonly keyCommitment: Uint8Array<ArrayBuffer>
}
