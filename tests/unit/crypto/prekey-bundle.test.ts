import { expect, test } from 'vitest'
import { createSecrets, openIdentity } from '#lib/crypto/identity.ts'
import {
  encodeOneTimePrekey,
  hashOfOneTimePrekey,
  MAX_BUNDLE_BYTES,
  MAX_CLOCKS_APART_MS,
  MAX_ONE_TIME_PREKEYS,
  openBundle,
  openOneTimePrekey,
  sealBundle,
  type OneTimePrekey,
  type PrekeyBundle,
} from '#lib/crypto/prekey-bundle.ts'
import {
  ExpiredError,
  InvalidDataError,
  InvalidSignatureError,
  LimitExceededError,
} from '#lib/protocol/errors.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const NOW = 1_700_000_000_000
const random = seededRandom(1)
const anna = await openIdentity(createSecrets(random))
const boris = await openIdentity(createSecrets(random))

const oneTime: OneTimePrekey[] = [1, 2].map((id) => ({
  id,
  prekey: random.bytes(32),
  kemPrekey: random.bytes(1184),
}))

const bundle: PrekeyBundle = {
  peer: anna.peer,
  mlDsaKey: anna.mlDsaKey(),
  id: 7,
  signedPrekey: random.bytes(32),
  kemPrekey: random.bytes(1184),
  oneTime: oneTime.map((each) => hashOfOneTimePrekey(encodeOneTimePrekey(each))),
  expiresAtMs: NOW + 60_000,
}
const sealed = await sealBundle(bundle, anna)

test('opens as it was sealed', async () => {
  expect(await openBundle(sealed, anna.peer, anna.keyCommitment, NOW)).toEqual(bundle)
})

test('the longest fits', async () => {
  const hashes = Array.from({ length: MAX_ONE_TIME_PREKEYS }, () => random.bytes(32))
  const longest = { ...bundle, id: 2 ** 32 - 1, oneTime: hashes }
  const bytes = await sealBundle(longest, anna)
  expect(bytes.byteLength).toBeLessThanOrEqual(MAX_BUNDLE_BYTES)
  expect(bytes.byteLength).toBeGreaterThan(MAX_BUNDLE_BYTES - 64)
  const one = { ...longest, oneTime: [...hashes, random.bytes(32)] }
  await expect(sealBundle(one, anna)).rejects.toThrow(InvalidDataError)
})

test('nobody seals for another', async () => {
  await expect(sealBundle(bundle, boris)).rejects.toThrow(InvalidDataError)
})

test('is of the one who was asked for, with the key the card names', async () => {
  await expect(openBundle(sealed, boris.peer, anna.keyCommitment, NOW)).rejects.toThrow(
    InvalidDataError,
  )
  await expect(openBundle(sealed, anna.peer, boris.keyCommitment, NOW)).rejects.toThrow(
    InvalidSignatureError,
  )
})

test('ends at its time, by the clock of anybody who may read it', async () => {
  const endMs = bundle.expiresAtMs + MAX_CLOCKS_APART_MS
  await openBundle(sealed, anna.peer, anna.keyCommitment, endMs - 1)
  await expect(openBundle(sealed, anna.peer, anna.keyCommitment, endMs)).rejects.toThrow(
    ExpiredError,
  )
})

test.each([
  ['body', 100],
  ['ML-DSA signature', -10],
  ['Ed25519 signature', -3309 - 10],
])('a changed %s is noticed', async (_, at) => {
  const index = at < 0 ? sealed.byteLength + at : at
  const changed = sealed.map((byte, each) => (each === index ? byte ^ 1 : byte))
  await expect(openBundle(changed, anna.peer, anna.keyCommitment, NOW)).rejects.toThrow(
    InvalidSignatureError,
  )
})

test('more bytes than any has are not decoded', async () => {
  const long = new Uint8Array(MAX_BUNDLE_BYTES + 1)
  await expect(openBundle(long, anna.peer, anna.keyCommitment, NOW)).rejects.toThrow(
    LimitExceededError,
  )
})

test('a one-time prekey is one the bundle names', () => {
  const [first] = oneTime as [OneTimePrekey]
  expect(openOneTimePrekey(encodeOneTimePrekey(first), bundle)).toEqual(first)
  const other = encodeOneTimePrekey({ ...first, id: 3 })
  expect(() => openOneTimePrekey(other, bundle)).toThrow(InvalidSignatureError)
})
