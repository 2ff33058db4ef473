import { expect, test } from 'vitest'
import { createSecrets, openIdentity } from '#lib/crypto/identity.ts'
import { agreeAsFirst, agreeAsSecond } from '#lib/crypto/pqxdh.ts'
import { openOneTimePrekey } from '#lib/crypto/prekey-bundle.ts'
import {
  BUNDLE_LIFE_MS,
  give,
  MAX_ONE_TIME_SECRETS,
  MAX_PREKEY_SETS,
  NO_PREKEYS,
  prekeysCodec,
  refresh,
  RETENTION_MS,
  ROTATION_MS,
  secretsOf,
  spend,
} from '#lib/crypto/prekeys.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const NOW = 1_700_000_000_000
const random = seededRandom(1)
const anna = await openIdentity(createSecrets(random))
const boris = await openIdentity(createSecrets(random))
const owner = { peer: boris.peer, mlDsaKey: boris.mlDsaKey() }
const fresh = refresh(NO_PREKEYS, NOW, random)
const given = give(fresh, owner, 3, NOW, random)

test('there is a signed prekey from the first refresh on', () => {
  expect(fresh.sets).toHaveLength(1)
  expect(() => give(NO_PREKEYS, owner, 1, NOW, random)).toThrow(RangeError)
})

test('what is given out has numbers of its own, and an end', () => {
  const { prekeys, bundle, oneTime } = given
  const ids = [...prekeys.sets, ...prekeys.oneTime].map(({ id }) => id)
  expect(new Set(ids).size).toBe(4)
  expect(oneTime).toHaveLength(3)
  expect(bundle.expiresAtMs).toBe(NOW + BUNDLE_LIFE_MS)
  const again = give(prekeys, owner, 1, NOW, random)
  expect(ids).not.toContain(openOneTimePrekey(again.oneTime[0]!, again.bundle).id)
})

test.each([true, false])('what is given out leads to the secrets (one-time: %s)', (oneTime) => {
  const { prekeys, bundle, oneTime: apart } = given
  const prekey = oneTime ? openOneTimePrekey(apart[1]!, bundle) : null
  const { opening, secret } = agreeAsFirst(
    anna,
    {
      identity: boris.publicKey,
      signedPrekey: bundle.signedPrekey,
      kemPrekey: prekey?.kemPrekey ?? bundle.kemPrekey,
      oneTimePrekey: prekey?.prekey ?? null,
    },
    random,
  )
  const secrets = secretsOf(prekeys, { prekeys: bundle.id, oneTime: prekey?.id ?? null })
  expect(agreeAsSecond(boris, secrets!, opening).secret).toEqual(secret)
})

test('a one-time prekey is good once', () => {
  const { prekeys } = given
  const ids = { prekeys: prekeys.sets[0]!.id, oneTime: prekeys.oneTime[0]!.id }
  expect(secretsOf(prekeys, ids)).not.toBeNull()
  const after = spend(prekeys, ids.oneTime)
  expect(secretsOf(after, ids)).toBeNull()
  expect(after.oneTime).toHaveLength(2)
  expect(spend(after, 999)).toEqual(after)
})

test('numbers that never were lead nowhere', () => {
  const { prekeys } = given
  expect(secretsOf(prekeys, { prekeys: 999, oneTime: null })).toBeNull()
  expect(secretsOf(prekeys, { prekeys: prekeys.sets[0]!.id, oneTime: 999 })).toBeNull()
})

test('of one-time prekeys nobody uses, the oldest are forgotten', () => {
  const many = give(given.prekeys, owner, MAX_ONE_TIME_SECRETS - 1, NOW, random)
  expect(many.prekeys.oneTime).toHaveLength(MAX_ONE_TIME_SECRETS)
  expect(many.prekeys.oneTime[0]!.id).toBe(given.prekeys.oneTime[2]!.id)
}, 30_000)

test('the signed prekey is replaced in time, and the one before opens what was written with it', () => {
  expect(refresh(fresh, NOW + ROTATION_MS - 1, random)).toEqual(fresh)
  const after = refresh(fresh, NOW + ROTATION_MS, random)
  expect(after.sets).toHaveLength(2)
  expect(give(after, owner, 0, NOW, random).bundle.id).not.toBe(fresh.sets[0]!.id)
  const before = { prekeys: fresh.sets[0]!.id, oneTime: null }
  expect(secretsOf(after, before)).not.toBeNull()
  expect(secretsOf(refresh(after, NOW + RETENTION_MS - 1, random), before)).not.toBeNull()
  expect(secretsOf(refresh(after, NOW + RETENTION_MS, random), before)).toBeNull()
})

test('a clock that was set back does not keep an old prekey for ever', () => {
  const future = refresh(NO_PREKEYS, NOW + 10 * ROTATION_MS, random)
  expect(refresh(future, NOW, random).sets).toHaveLength(2)
})

test('a clock that jumps about makes no more sets than are kept', () => {
  let prekeys = fresh
  for (let jump = 0; jump < MAX_PREKEY_SETS + 4; jump++) {
    prekeys = refresh(prekeys, NOW + (jump % 2) * ROTATION_MS, random)
  }
  expect(prekeys.sets).toHaveLength(MAX_PREKEY_SETS)
})

test('prekeys are stored as they are', () => {
  expect(prekeysCodec.decode(prekeysCodec.encode(given.prekeys))).toEqual(given.prekeys)
})
