import { beforeEach, expect, test } from 'vitest'
import { createSecrets } from '#lib/crypto/identity.ts'
import { newDevice } from '#lib/db/device.ts'
import type { StarlingDatabase } from '#lib/db/schema.ts'
import { AlreadyCreatedError, InvalidNameError } from '#lib/features/profile/errors.ts'
import { profile } from '#lib/features/profile/index.ts'
import { DexieProfileStore } from '#lib/features/profile/store.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { memoryDatabase } from '../../../fixtures/memory-database.ts'
import { until } from '../../../fixtures/until.ts'

let db: StarlingDatabase
let created: PeerIdString[]

beforeEach(() => {
  db = memoryDatabase()
  created = []
})

const clock = new ManualClock()
const open = () =>
  profile({ onCreated: ({ peer }) => void created.push(peer) })({
    db,
    clock,
    random: systemRandom,
  })

test('nobody is there before a name was given', async () => {
  const service = open()
  expect(await service.identity()).toBeNull()
  expect(await until(service.watchProfile())).toBeNull()
})

test('a name makes an identity, which is kept and restored', async () => {
  const service = open()
  await service.identity()
  const { peer } = await service.create('  Anna ')
  expect(await until(service.watchProfile())).toEqual({
    peer,
    name: 'Anna',
    createdAtMs: clock.now(),
  })
  expect((await service.identity())?.peer).toBe(peer)
  const restored = await open().identity()
  expect(restored?.peer).toBe(peer)
  expect(restored?.keyCommitment).toEqual((await service.identity())?.keyCommitment)
  expect(created).toEqual([peer])
})

test('an identity is made once, also by two tabs at the same time', async () => {
  const service = open()
  const both = await Promise.allSettled([service.create('Anna'), service.create('Ben')])
  const [winner] = both.filter((each) => each.status === 'fulfilled')
  expect(both.filter((each) => each.status === 'fulfilled')).toHaveLength(1)
  expect((await service.identity())?.peer).toBe(winner!.value.peer)
  expect(created).toEqual([winner!.value.peer])
  await expect(service.create('Again')).rejects.toThrow(AlreadyCreatedError)
  expect((await service.identity())?.peer).toBe(winner!.value.peer)
})

test('who comes back is nobody until all of it is stored, and stays nobody when it is not', async () => {
  const service = open()
  const secrets = createSecrets(systemRandom)
  const failed = service.become(secrets, () => Promise.reject(new Error('no room')))
  expect(await service.identity()).toBeNull()
  await expect(failed).rejects.toThrow('no room')
  expect(await service.identity()).toBeNull()

  const store = new DexieProfileStore(db)
  const device = newDevice({ clock, random: systemRandom })
  const { peer } = await service.become(secrets, () =>
    store.create(secrets, { name: 'Anna', createdAtMs: 1 }, device),
  )
  expect(created).toEqual([peer])
  expect((await until(service.watchProfile(), (me) => me !== null))?.peer).toBe(peer)
  await expect(service.become(secrets, () => Promise.resolve())).rejects.toThrow(
    AlreadyCreatedError,
  )
})

test('an installation is newer than any before it, whatever the clock says', () => {
  const at = (nowMs: number, before?: number) =>
    newDevice({ clock: { now: () => nowMs }, random: systemRandom }, before).generation
  expect(at(1_000)).toBe(1_000)
  expect(at(1_000, 5_000)).toBe(5_001)
  expect(at(9_000, 5_000)).toBe(9_000)
})

test.each(['', '  ', '\u200B', 'x'.repeat(41)])('%j is no name', async (name) => {
  const service = open()
  await expect(service.create(name)).rejects.toThrow(InvalidNameError)
  await service.create('Anna')
  await expect(service.rename(name)).rejects.toThrow(InvalidNameError)
})

test('a new name keeps the identity', async () => {
  const service = open()
  const { peer } = await service.create('Anna')
  await service.rename('Аня')
  expect(await until(service.watchProfile())).toMatchObject({ peer, name: 'Аня' })
})
