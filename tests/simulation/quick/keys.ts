/** Ed25519 keys as @libp2p/crypto gives them, of the group in curves.ts. */
import { ed25519, verify } from './curves.ts'

interface PublicKey {
  raw: Uint8Array
  verify(data: Uint8Array, signature: Uint8Array): boolean
}

export function publicKeyFromRaw(raw: Uint8Array): PublicKey {
  return { raw, verify: (data, signature) => verify(raw, data, signature) }
}

export function generateKeyPairFromSeed(
  _type: 'Ed25519',
  seed: Uint8Array,
): Promise<{ publicKey: PublicKey; sign(data: Uint8Array): Uint8Array }> {
  return Promise.resolve({
    publicKey: publicKeyFromRaw(ed25519.getPublicKey(seed)),
    sign: (data) => ed25519.sign(data, seed),
  })
}
