import { expect, test } from 'vitest'
import {
  ExpiredError,
  InvalidDataError,
  InvalidSignatureError,
  LimitExceededError,
} from '#lib/protocol/errors.ts'
import {
  MAX_PROVIDER_RECORD_BYTES,
  PROVIDER_LIFE_MS,
  providerKeyOf,
  sealProviderRecord,
} from '#lib/protocol/providers.ts'
import {
  openKeptRecord,
  openRevocation,
  revocationKeyOf,
  REVOCATION_LIFE_MS,
  revocationSubjectOf,
  sealRevocation,
  type Revocation,
} from '#lib/protocol/revocation.ts'
import { signerOf } from '../../fixtures/signers.ts'

const NOW = Date.UTC(2026, 0, 1)
const ID = new Uint8Array(32).fill(7)
const anna = await signerOf(1)
const mallory = await signerOf(2)

const revocation = (changes: Partial<Revocation> = {}): Revocation => ({
  subject: revocationSubjectOf(ID),
  peer: anna.peer,
  madeAtMs: NOW,
  expiresAtMs: NOW + REVOCATION_LIFE_MS,
  ...changes,
})

test('it holds for 30 days, and no longer', async () => {
  const bytes = await sealRevocation(revocation(), anna)
  expect(await openRevocation(bytes, NOW + REVOCATION_LIFE_MS - 1)).toEqual(revocation())
  await expect(openRevocation(bytes, NOW + REVOCATION_LIFE_MS)).rejects.toThrow(ExpiredError)
  const longer = revocation({ expiresAtMs: NOW + REVOCATION_LIFE_MS + 1 })
  await expect(sealRevocation(longer, anna)).rejects.toThrow(InvalidDataError)
})

test('nobody says it in the name of somebody else', async () => {
  await expect(sealRevocation(revocation(), mallory)).rejects.toThrow(InvalidDataError)
  const forger = { publicKey: anna.publicKey, sign: mallory.sign.bind(mallory) }
  const forged = await sealRevocation(revocation(), forger)
  await expect(openRevocation(forged, NOW)).rejects.toThrow(InvalidSignatureError)
})

test('one from the future, or longer than one can be, is refused', async () => {
  const hour = 60 * 60_000
  const future = { madeAtMs: NOW + hour, expiresAtMs: NOW + 2 * hour }
  const bytes = await sealRevocation(revocation(future), anna)
  await expect(openRevocation(bytes, NOW)).rejects.toThrow(InvalidDataError)
  await expect(openRevocation(new Uint8Array(1_000), NOW)).rejects.toThrow(LimitExceededError)
})

test('each content has another key for whoever shared it, and none of those it is looked for by', () => {
  const subject = revocationSubjectOf(ID)
  const keys = [
    revocationKeyOf({ subject, peer: anna.peer }),
    revocationKeyOf({ subject, peer: mallory.peer }),
    revocationKeyOf({ subject: revocationSubjectOf(new Uint8Array(32)), peer: anna.peer }),
    subject,
    providerKeyOf(ID),
  ]
  expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(keys.length)
})

test('a relay tells it from a provider record, and finds room for both in an answer', async () => {
  const bytes = await sealRevocation(revocation(), anna)
  expect(bytes.byteLength).toBeLessThan(MAX_PROVIDER_RECORD_BYTES)
  const { peer, subject } = revocation()
  expect(await openKeptRecord(bytes, NOW)).toMatchObject({
    peer,
    key: revocationKeyOf({ subject, peer }),
    revokes: true,
  })
  const key = providerKeyOf(ID)
  const times = { madeAtMs: NOW, expiresAtMs: NOW + PROVIDER_LIFE_MS }
  const provider = await sealProviderRecord({ key, peer, relays: [], ...times }, anna)
  expect(await openKeptRecord(provider, NOW)).toMatchObject({ peer, key, revokes: false })
})
