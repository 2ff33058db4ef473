import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js'
import { peerIdOf, type PeerIdString } from '../protocol/ids.ts'
import type { Random } from '../protocol/seams.ts'
import { signedBytes, type Signer } from '../protocol/signed.ts'
import type { IdentitySecrets, NodeIdentity } from './api.ts'
import {
  contactsMailbox,
  introductionSigner,
  openOfOwner,
  sealForOwner,
  senderName,
  senderSecret,
} from './mailbox-keys.ts'

/** A seed of either kind of key has 32 bytes. */
const SEED_BYTES = 32

const ML_DSA_INFO = utf8ToBytes('starling ml-dsa-65 seed')

/** Makes new keys. Nothing is stored. */
export function createSecrets(random: Random): IdentitySecrets {
  const ed25519Seed = random.bytes(SEED_BYTES)
  return secretsFrom(ed25519Seed, mlDsaSeedOf(ed25519Seed))
}

/** The secrets with these two seeds of 32 bytes. Takes milliseconds. */
export function secretsFrom(
  ed25519Seed: Uint8Array<ArrayBuffer>,
  mlDsaSeed: Uint8Array<ArrayBuffer>,
): IdentitySecrets {
  const keyCommitment = Uint8Array.from(sha256(ml_dsa65.keygen(mlDsaSeed).publicKey))
  return { ed25519Seed, mlDsaSeed, keyCommitment }
}

/**
 * The ML-DSA seed of who is known by this Ed25519 seed (HKDF, RFC 5869, SHA-256, no salt), so that one phrase
 * restores both keys. Who breaks Ed25519 finds the scalar, a hash of the seed, and so nothing of this one.
 *
 * Identities made before this was so have an ML-DSA seed of their own.
 */
export function mlDsaSeedOf(ed25519Seed: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hkdf(sha256, ed25519Seed, undefined, ML_DSA_INFO, SEED_BYTES))
}

/** The identity these secrets are of. */
export async function openIdentity(secrets: IdentitySecrets): Promise<NodeIdentity> {
  const key = await generateKeyPairFromSeed('Ed25519', secrets.ed25519Seed)
  return new KeyIdentity(key, secrets)
}

class KeyIdentity implements NodeIdentity {
  readonly peer: PeerIdString
  readonly publicKey: Uint8Array<ArrayBuffer>
  readonly keyCommitment: Uint8Array<ArrayBuffer>
  /** Private by language, so that no log or clone shows them. */
  readonly #key: Ed25519PrivateKey
  readonly #secrets: IdentitySecrets

  constructor(key: Ed25519PrivateKey, secrets: IdentitySecrets) {
    this.#key = key
    this.#secrets = secrets
    this.publicKey = Uint8Array.from(key.publicKey.raw)
    this.peer = peerIdOf(this.publicKey)
    this.keyCommitment = secrets.keyCommitment
  }

  async sign(context: string, bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    return Uint8Array.from(await this.#key.sign(signedBytes(context, bytes)))
  }

  mlDsaKey(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(ml_dsa65.keygen(this.#secrets.mlDsaSeed).publicKey)
  }

  signPostQuantum(context: string, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
    const { secretKey } = ml_dsa65.keygen(this.#secrets.mlDsaSeed)
    const signature = ml_dsa65.sign(signedBytes(context, bytes), secretKey)
    secretKey.fill(0)
    return Uint8Array.from(signature)
  }

  agree(theirs: Uint8Array): Uint8Array<ArrayBuffer> {
    const secret = ed25519.utils.toMontgomerySecret(this.#secrets.ed25519Seed)
    const shared = x25519.getSharedSecret(secret, theirs)
    secret.fill(0)
    return Uint8Array.from(shared)
  }

  contactsMailbox(epoch: number): Signer {
    return contactsMailbox(this.#secrets.ed25519Seed, epoch)
  }

  introductionMailbox(epoch: number): Signer {
    return introductionSigner(this.#secrets.ed25519Seed, this, epoch)
  }

  sealForMyself(plaintext: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
    return sealForOwner(this.#secrets.ed25519Seed, plaintext, random)
  }

  openOfMyself(sealed: Uint8Array): Uint8Array {
    return openOfOwner(this.#secrets.ed25519Seed, sealed)
  }

  senderName(epoch: number, contact: PeerIdString): Uint8Array {
    return senderName(this.#secrets.ed25519Seed, epoch, contact)
  }

  senderSecret(epoch: number, contact: PeerIdString): Uint8Array<ArrayBuffer> {
    return senderSecret(this.#secrets.ed25519Seed, epoch, contact)
  }

  libp2pKey(): Ed25519PrivateKey {
    return this.#key
  }
}
