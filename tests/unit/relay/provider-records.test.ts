import { expect, test } from 'vitest'
import { PROVIDER_LIFE_MS, providerKeyOf, sealProviderRecord } from '#lib/protocol/providers.ts'
import {
  revocationKeyOf,
  REVOCATION_LIFE_MS,
  revocationSubjectOf,
  sealRevocation,
} from '#lib/protocol/revocation.ts'
import { MAX_PROVIDER_RECORDS_PER_KEY } from '#relay/limits.ts'
import { ProviderRecords } from '#relay/providers/provider-records.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { signerOf } from '../../fixtures/signers.ts'

const KEY = providerKeyOf(new Uint8Array(32))

function records(): { held: ProviderRecords; clock: ManualClock } {
  const clock = new ManualClock()
  return { held: new ProviderRecords({ clock, random: seededRandom(1) }), clock }
}

async function recordOf(number: number, nowMs: number, key = KEY): Promise<Uint8Array> {
  const signer = await signerOf(number)
  return sealProviderRecord(
    {
      key,
      peer: signer.peer,
      relays: [],
      madeAtMs: nowMs,
      expiresAtMs: nowMs + PROVIDER_LIFE_MS,
    },
    signer,
  )
}

test('a flood from one address crowds out itself, and nobody else', async () => {
  const { held, clock } = records()
  const honest = await recordOf(1, clock.now())
  await held.put(honest, 'home')
  for (let number = 2; number < MAX_PROVIDER_RECORDS_PER_KEY + 20; number += 1) {
    await held.put(await recordOf(number, clock.now()), 'flood')
  }
  expect(held.size).toBe(MAX_PROVIDER_RECORDS_PER_KEY)
  expect(held.some(KEY, 1_000)).toContainEqual(honest)
})

test('a record is forgotten when its day is over, and its key with the last', async () => {
  const { held, clock } = records()
  await held.put(await recordOf(1, clock.now()), 'home')
  clock.advance(PROVIDER_LIFE_MS - 1)
  expect(held.has(KEY)).toBe(true)
  clock.advance(1)
  expect(held.sweep().map((key) => Uint8Array.from(key))).toEqual([KEY])
  expect(held.size).toBe(0)
})

test('a record that is made anew takes the place of the one before', async () => {
  const { held, clock } = records()
  await held.put(await recordOf(1, clock.now()), 'home')
  clock.advance(1_000)
  const newer = await recordOf(1, clock.now())
  await held.put(newer, 'home')
  expect(held.some(KEY, 9)).toEqual([newer])
})

test('a revocation is not hidden by others under its key, and kept for its 30 days', async () => {
  const { held, clock } = records()
  const anna = await signerOf(1)
  const subject = revocationSubjectOf(new Uint8Array(32))
  const key = revocationKeyOf({ subject, peer: anna.peer })
  const bytes = await sealRevocation(
    {
      subject,
      peer: anna.peer,
      madeAtMs: clock.now(),
      expiresAtMs: clock.now() + REVOCATION_LIFE_MS,
    },
    anna,
  )
  await held.put(bytes, 'home')
  for (let number = 2; number < MAX_PROVIDER_RECORDS_PER_KEY + 20; number += 1) {
    await held.put(await recordOf(number, clock.now(), key), `flood ${number}`)
  }
  expect(held.size).toBe(MAX_PROVIDER_RECORDS_PER_KEY)
  expect(held.some(key, 1)).toEqual([bytes])
  clock.advance(REVOCATION_LIFE_MS - 1)
  expect(held.some(key, 9)).toEqual([bytes])
  clock.advance(1)
  held.sweep()
  expect(held.size).toBe(0)
})
