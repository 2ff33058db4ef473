import { expect, test } from 'vitest'
import { PROVIDER_LIFE_MS, providerKeyOf, sealProviderRecord } from '#lib/protocol/providers.ts'
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

async function recordOf(number: number, nowMs: number): Promise<Uint8Array> {
  const signer = await signerOf(number)
  return sealProviderRecord(
    {
      key: KEY,
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
