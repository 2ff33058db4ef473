import { ml_kem768 } from '@noble/post-quantum/ml-kem.js'
import { expect, test } from 'vitest'
import type { NodeIdentity } from '#lib/crypto/api.ts'
import { CannotOpenError } from '#lib/crypto/errors.ts'
import { createSecrets, openIdentity } from '#lib/crypto/identity.ts'
import { createKeyPair } from '#lib/crypto/key-pair.ts'
import {
  agreeAsFirst,
  agreeAsSecond,
  KEM_SEED_BYTES,
  type PublishedKeys,
  type PublishedSecrets,
} from '#lib/crypto/pqxdh.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const random = seededRandom(1)
const anna = await openIdentity(createSecrets(random))
const boris = await openIdentity(createSecrets(random))

/** A Montgomery u-coordinate of order 1 (RFC 7748, 6.1: the shared secret is all zeros). */
const SMALL_ORDER = new Uint8Array(32)

function publish(
  owner: NodeIdentity,
  oneTime: boolean,
): { keys: PublishedKeys; secrets: PublishedSecrets } {
  const signedPrekey = createKeyPair(random)
  const kemSeed = random.bytes(KEM_SEED_BYTES)
  const oneTimePrekey = oneTime ? createKeyPair(random) : null
  return {
    keys: {
      identity: owner.publicKey,
      signedPrekey: signedPrekey.publicKey,
      kemPrekey: ml_kem768.keygen(kemSeed).publicKey,
      oneTimePrekey: oneTimePrekey?.publicKey ?? null,
    },
    secrets: { signedPrekey, kemSeed, oneTimePrekey },
  }
}

test.each([true, false])('both sides agree (with a one-time prekey: %s)', (oneTime) => {
  const { keys, secrets } = publish(boris, oneTime)
  const first = agreeAsFirst(anna, keys, random)
  const second = agreeAsSecond(boris, secrets, first.opening)
  expect(second.secret).toEqual(first.secret)
  expect(second.associated).toEqual(first.associated)
  expect(second.first).toEqual(anna.publicKey)
  expect(first.secret).toHaveLength(32)
})

test('every agreement is another', () => {
  const { keys } = publish(boris, true)
  const [one, two] = [agreeAsFirst(anna, keys, random), agreeAsFirst(anna, keys, random)]
  expect(one.secret).not.toEqual(two.secret)
})

const others: [string, (published: PublishedSecrets) => PublishedSecrets][] = [
  ['another signed prekey', (it) => ({ ...it, signedPrekey: createKeyPair(random) })],
  ['another KEM prekey', (it) => ({ ...it, kemSeed: random.bytes(KEM_SEED_BYTES) })],
]

test.each(others)('who has %s learns nothing from an opening', (_, change) => {
  const { keys, secrets } = publish(boris, true)
  const { opening } = agreeAsFirst(anna, keys, random)
  expect(() => agreeAsSecond(boris, change(secrets), opening)).toThrow(CannotOpenError)
})

test.each([
  ['another one-time prekey', createKeyPair(random)],
  ['no one-time prekey', null],
])('%s leads to another secret', (_, oneTimePrekey) => {
  const { keys, secrets } = publish(boris, true)
  const first = agreeAsFirst(anna, keys, random)
  const second = agreeAsSecond(boris, { ...secrets, oneTimePrekey }, first.opening)
  expect(second.secret).not.toEqual(first.secret)
})

test('who claims to be somebody else agrees on another secret', () => {
  const { keys, secrets } = publish(boris, true)
  const liar = { publicKey: anna.publicKey, agree: (key: Uint8Array) => boris.agree(key) }
  const first = agreeAsFirst(liar, keys, random)
  const second = agreeAsSecond(boris, secrets, first.opening)
  expect(second.first).toEqual(anna.publicKey)
  expect(second.secret).not.toEqual(first.secret)
})

test('an opening does not show who wrote it', () => {
  const { keys } = publish(boris, true)
  const { opening } = agreeAsFirst(anna, keys, random)
  const bytes = Buffer.concat(Object.values(opening))
  expect(bytes.includes(Buffer.from(anna.publicKey))).toBe(false)
})

test.each(['ephemeral', 'kemCiphertext', 'identity'] as const)(
  'a changed %s is refused',
  (part) => {
    const { keys, secrets } = publish(boris, true)
    const { opening } = agreeAsFirst(anna, keys, random)
    const changed = opening[part].map((byte, at) => (at === 7 ? byte ^ 1 : byte))
    const refused = (): unknown => agreeAsSecond(boris, secrets, { ...opening, [part]: changed })
    expect(refused).toThrow(CannotOpenError)
  },
)

const impossible: [string, Partial<PublishedKeys>][] = [
  ['a signed prekey of small order', { signedPrekey: SMALL_ORDER }],
  ['a one-time prekey of small order', { oneTimePrekey: SMALL_ORDER }],
  ['an identity that is no point', { identity: new Uint8Array(32).fill(0xff) }],
  ['a KEM prekey beyond the modulus', { kemPrekey: new Uint8Array(1184).fill(0xff) }],
]

test.each(impossible)('%s is refused', (_, change) => {
  const { keys } = publish(boris, true)
  expect(() => agreeAsFirst(anna, { ...keys, ...change }, random)).toThrow(CannotOpenError)
})

test('an opening of small order is refused', () => {
  const { keys, secrets } = publish(boris, true)
  const { opening } = agreeAsFirst(anna, keys, random)
  const small = { ...opening, ephemeral: SMALL_ORDER }
  expect(() => agreeAsSecond(boris, secrets, small)).toThrow(CannotOpenError)
})
