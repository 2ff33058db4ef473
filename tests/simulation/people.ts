import type { NodeIdentity } from '#lib/crypto/api.ts'
import { createSecrets, openIdentity } from '#lib/crypto/identity.ts'
import type { Signer } from '#lib/protocol/signed.ts'
import { seededRandom } from '../fixtures/seeded-random.ts'
import { signerOf } from '../fixtures/signers.ts'

export const MAX_PEOPLE = 5
export const MAX_RELAYS = 4

/** The same in every seed: keys cost more than all else. */
export const PEOPLE: readonly NodeIdentity[] = await Promise.all(
  Array.from({ length: MAX_PEOPLE }, async (_, number) =>
    remembering(await openIdentity(createSecrets(seededRandom(1_000 + number)))),
  ),
)

export const RELAY_SIGNERS: readonly Signer[] = await Promise.all(
  Array.from({ length: MAX_RELAYS }, (_, number) => signerOf(100 + number)),
)

export const NAMES = ['Anna', 'Ben', 'Cleo', 'Dan', 'Eva'] as const

/** The same identity, that makes no key twice. */
function remembering(identity: NodeIdentity): NodeIdentity {
  const contacts = new Map<number, Signer>()
  const introductions = new Map<number, Signer>()
  const names = new Map<string, Uint8Array>()
  const secrets = new Map<string, Uint8Array<ArrayBuffer>>()
  const mlDsaKey = identity.mlDsaKey()
  return {
    peer: identity.peer,
    publicKey: identity.publicKey,
    keyCommitment: identity.keyCommitment,
    sign: (context, bytes) => identity.sign(context, bytes),
    mlDsaKey: () => mlDsaKey,
    signPostQuantum: (context, bytes) => identity.signPostQuantum(context, bytes),
    agree: (theirs) => identity.agree(theirs),
    contactsMailbox: (epoch) => remembered(contacts, epoch, () => identity.contactsMailbox(epoch)),
    introductionMailbox: (epoch) =>
      remembered(introductions, epoch, () => identity.introductionMailbox(epoch)),
    senderName: (epoch, contact) =>
      remembered(names, `${epoch} ${contact}`, () => identity.senderName(epoch, contact)),
    senderSecret: (epoch, contact) =>
      remembered(secrets, `${epoch} ${contact}`, () => identity.senderSecret(epoch, contact)),
    sealForMyself: (plaintext, random) => identity.sealForMyself(plaintext, random),
    openOfMyself: (sealed) => identity.openOfMyself(sealed),
    libp2pKey: () => identity.libp2pKey(),
  }
}

function remembered<K, V>(known: Map<K, V>, key: K, make: () => V): V {
  const value = known.get(key) ?? make()
  known.set(key, value)
  return value
}
