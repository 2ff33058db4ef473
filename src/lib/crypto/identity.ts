import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { sha256 } from '@noble/hashes/sha2.js'
import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js'
import { peerIdOf, type PeerIdString } from '../protocol/ids.ts'
import type { Random } from '../protocol/seams.ts'
import { signedBytes } from '../protocol/signed.ts'
import type { IdentitySecrets, NodeIdentity } from './api.ts'

/** A seed of either kind of key has 32 bytes. */
const SEED_BYTES = 32

/** Makes new keys. Nothing is stored. */
export function createSecrets(random: Random): IdentitySecrets {
  const mlDsaSeed = random.bytes(SEED_BYTES)
  return {
    ed25519Seed: random.bytes(SEED_BYTES),
    mlDsaSeed,
    keyCommitment: Uint8Array.from(sha256(ml_dsa65.keygen(mlDsaSeed).publicKey)),
  }
}

/** The identity these secrets are of. */
export async function openIdentity(secrets: IdentitySecrets): Promise<NodeIdentity> {
  const key = await generateKeyPairFromSeed('Ed25519', secrets.ed25519Seed)
  return new KeyIdentity(key, secrets.keyCommitment)
}

class KeyIdentity implements NodeIdentity {
  readonly peer: PeerIdString
  readonly publicKey: Uint8Array<ArrayBuffer>
  readonly keyCommitment: Uint8Array<ArrayBuffer>
  /** Private by language, so that no log or clone shows it. */
  readonly #key: Ed25519PrivateKey

  constructor(key: Ed25519PrivateKey, keyCommitment: Uint8Array<ArrayBuffer>) {
    this.#key = key
    this.publicKey = Uint8Array.from(key.publicKey.raw)
    this.peer = peerIdOf(this.publicKey)
    this.keyCommitment = keyCommitment
  }

  async sign(context: string, bytes: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
    return Uint8Array.from(await this.#key.sign(signedBytes(context, bytes)))
  }

  libp2pKey(): Ed25519PrivateKey {
    return this.#key
  }
}
