import type { PrivateKey } from '@libp2p/interface'
import type { PeerIdString } from '../protocol/ids.ts'

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

/** What the libp2p node alone is given: it signs handshakes with the key itself. */
export interface NodeIdentity extends Identity {
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
