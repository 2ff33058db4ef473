import { expect, test } from 'vitest'
import { createSecrets, openIdentity } from '#lib/crypto/identity.ts'
import { newDevice } from '#lib/db/device.ts'
import type { StarlingDatabase } from '#lib/db/schema.ts'
import { Devices, DexieDeviceStore } from '#lib/delivery/devices.ts'
import { InvalidDataError, InvalidSignatureError } from '#lib/protocol/errors.ts'
import { FakeNetwork, settled } from '../../fixtures/fake-network.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { memoryDatabase } from '../../fixtures/memory-database.ts'
import { MemoryRelay } from '../../fixtures/memory-relays.ts'
import { person, reopened } from '../../fixtures/person.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const random = seededRandom(5)
const clock = new ManualClock()
const ben = await openIdentity(createSecrets(random))
const anna = await openIdentity(createSecrets(random))

/** One installation of an identity, and whether it was told that another took its place. */
async function installation(identity: typeof anna) {
  const db = memoryDatabase()
  await db.device.put(newDevice({ clock, random }))
  let replaced = false
  const devices = new Devices(
    { identity, store: new DexieDeviceStore(db), clock },
    {
      onReplaced: () => {
        replaced = true
      },
    },
  )
  return { db, devices, replaced: () => replaced }
}

test('a contact shows the newest installation to an older one, which then knows', async () => {
  const older = await installation(anna)
  clock.advance(1_000)
  const newer = await installation(anna)
  const contact = await installation(ben)
  const old = await older.devices.announcement()
  expect(await contact.devices.hear(anna.peer, old)).toBeNull()
  expect(await contact.devices.hear(anna.peer, await newer.devices.announcement())).toBeNull()

  const shown = await contact.devices.hear(anna.peer, old)
  expect(await older.devices.hear(ben.peer, shown!)).toBeNull()

  expect(older.replaced()).toBe(true)
  expect((await older.db.device.get('me'))?.replacedAtMs).toBe(clock.now())
  expect(newer.replaced()).toBe(false)
})

test('an announcement of somebody else, or changed, changes nothing', async () => {
  const mine = await installation(anna)
  const theirs = await (await installation(ben)).devices.announcement()
  await expect(mine.devices.hear(anna.peer, theirs)).rejects.toThrow(InvalidDataError)
  const changed = theirs.map((byte, at) => (at === 60 ? byte ^ 1 : byte))
  await expect(mine.devices.hear(ben.peer, changed)).rejects.toThrow(InvalidSignatureError)
  expect(mine.replaced()).toBe(false)
})

test('an installation that still runs learns from its own mailbox that it was replaced', async () => {
  const relays = await Promise.all([1, 2].map((number) => MemoryRelay.of(number, clock)))
  const old = await person(new FakeNetwork(), clock, 'Anna', relays)
  const told = Promise.withResolvers<true>()
  old.host.replaced = () => {
    told.resolve(true)
  }
  clock.advance(60_000)
  const restored = memoryDatabase()
  await copy(old.db, restored)
  await restored.device.put(newDevice({ clock, random }))
  const now = await reopened(new FakeNetwork(), clock, restored, relays)
  const later = (): Promise<false> => settled(40).then(() => false)
  while (!(await Promise.race([told.promise, later()]))) clock.advance(10_000)
  expect((await restored.device.get('me'))?.replacedAtMs).toBeNull()
  await old.stop()
  await now.stop()
})

async function copy(from: StarlingDatabase, to: StarlingDatabase): Promise<void> {
  await to.identity.bulkPut(await from.identity.toArray())
  await to.profile.bulkPut(await from.profile.toArray())
}
