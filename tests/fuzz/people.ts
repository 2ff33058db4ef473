import { ml_dsa65 } from '@noble/post-quantum/ml-dsa.js'
import type { NodeIdentity } from '#lib/crypto/api.ts'
import { openIdentity, secretsFrom } from '#lib/crypto/identity.ts'
import type { BundleSigner } from '#lib/crypto/prekey-bundle.ts'
import { signedBytes } from '#lib/protocol/signed.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'

/** Somebody whose signatures come out the same each time: those of ML-DSA have randomness in them otherwise. */
export async function personOf(
  seed: number,
): Promise<{ identity: NodeIdentity; bundleSigner: BundleSigner }> {
  const random = seededRandom(seed)
  const mlDsaSeed = random.bytes(32)
  const identity = await openIdentity(secretsFrom(random.bytes(32), mlDsaSeed))
  const { secretKey } = ml_dsa65.keygen(mlDsaSeed)
  const bundleSigner: BundleSigner = {
    publicKey: identity.publicKey,
    sign: (context, body) => identity.sign(context, body),
    signPostQuantum: (context, body) =>
      ml_dsa65.sign(signedBytes(context, body), secretKey, { extraEntropy: false }),
  }
  return { identity, bundleSigner }
}
