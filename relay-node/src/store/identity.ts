import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import { type Datastore, Key } from 'interface-datastore'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import { signedBytes, type Signer } from '#lib/protocol/signed.ts'

/** Where the relay's private key is kept: protobuf of the libp2p spec, peer-ids. */
const IDENTITY = new Key('/starling/identity')

/** The relay's own key: made on first start, the same ever after. */
export async function relayIdentity(datastore: Datastore): Promise<Ed25519PrivateKey> {
  if (await datastore.has(IDENTITY)) {
    const key = privateKeyFromProtobuf(await datastore.get(IDENTITY))
    if (key.type !== 'Ed25519') throw new InvalidDataError('the identity is not an Ed25519 key')
    return key
  }
  const key = await generateKeyPair('Ed25519')
  await datastore.put(IDENTITY, privateKeyToProtobuf(key))
  return key
}

/** Signs with the relay's key. */
export function relaySigner(key: Ed25519PrivateKey): Signer {
  return {
    publicKey: key.publicKey.raw,
    sign: async (context, body) => key.sign(signedBytes(context, body)),
  }
}
