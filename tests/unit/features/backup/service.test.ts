import { sha256 } from '@noble/hashes/sha2.js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WrongBackupKeyError } from '#lib/crypto/backup-errors.ts'
import { sealBackup } from '#lib/crypto/backup-file.ts'
import { createSecrets, mlDsaSeedOf } from '#lib/crypto/identity.ts'
import type { Stretch } from '#lib/crypto/stretch.ts'
import type { DeviceRow, NoteNumber, StarlingDatabase } from '#lib/db/schema.ts'
import type { BackupKey, RestoreKey } from '#lib/features/backup/api.ts'
import {
  DamagedBackupError,
  InvalidPhraseError,
  NewerBackupError,
  TruncatedBackupError,
} from '#lib/features/backup/errors.ts'
import { encodeRow, encodeVersion } from '#lib/features/backup/rows.ts'
import { BackupService, type BackupInit } from '#lib/features/backup/service.ts'
import { DexieSafekeepingStore } from '#lib/features/backup/store.ts'
import type { TimelinePage } from '#lib/features/chat/api.ts'
import { AlreadyCreatedError } from '#lib/features/profile/errors.ts'
import { profile } from '#lib/features/profile/index.ts'
import type { ProfileService } from '#lib/features/profile/service.ts'
import { codec } from '#lib/protocol/codec.ts'
import { InvalidDataError, StorageFullError } from '#lib/protocol/errors.ts'
import { messageIdOf, type PeerIdString } from '#lib/protocol/ids.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import * as v from 'valibot'
import { FakeNetwork } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { memoryDatabase } from '../../../fixtures/memory-database.ts'
import { befriend, person, reopened, type Person } from '../../../fixtures/person.ts'
import { until } from '../../../fixtures/until.ts'

let clock: ManualClock
let network: FakeNetwork
let anna: Person
let ben: Person
let stopped: Person[]
let intents = 0

beforeEach(async () => {
  clock = new ManualClock()
  network = new FakeNetwork()
  anna = await person(network, clock, 'Anna')
  ben = await person(network, clock, 'Ben')
  stopped = []
})

afterEach(async () => {
  for (const each of [anna, ben]) if (!stopped.includes(each)) await each.stop()
})

/** In place of Argon2id, which would take all the time of these tests. */
const stretch: Stretch = async (text, { salt }) =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', Buffer.concat([salt, Buffer.from(text)])))

interface Device {
  db: StarlingDatabase
  backup: BackupService
  profile: ProfileService
  /** Who came here. */
  created: PeerIdString[]
  restored: DeviceRow[]
}

function device(db: StarlingDatabase = memoryDatabase(), init?: BackupInit): Device {
  const created: PeerIdString[] = []
  const restored: DeviceRow[] = []
  const random = systemRandom
  const me = profile({ onCreated: ({ peer }) => void created.push(peer) })({ db, clock, random })
  const store = new DexieSafekeepingStore(db)
  const backup = new BackupService(
    { db, store, profile: me, stretch, clock, random },
    init ?? { onRestored: (row) => void restored.push(row) },
  )
  return { db, backup, profile: me, created, restored }
}

async function file(of: Device, key: BackupKey = { type: 'phrase' }): Promise<Blob> {
  const pieces: Uint8Array<ArrayBuffer>[] = []
  for await (const piece of of.backup.write(key)) pieces.push(piece)
  return new Blob(pieces)
}

async function phraseOf(of: Device): Promise<RestoreKey> {
  return { type: 'phrase', phrase: (await of.backup.phrase()).words.join(' ') }
}

/** The same person on another device, from a file, the first one gone. */
async function moved(from: Person, made: Blob, key: RestoreKey): Promise<Person> {
  await from.stop()
  stopped.push(from)
  const there = device()
  await there.backup.restore(made, key)
  return reopened(network, clock, there.db)
}

const say = (from: Person, to: PeerIdString, text: string) =>
  from.chat.send(to, text, `intent ${(intents += 1)}`)

const page = (of: Person, id: PeerIdString, holds: (page: TimelinePage) => boolean) =>
  until(of.chat.watchTimeline(id, { around: 'end', before: 100, after: 0 }), holds)

const told = ({ items }: TimelinePage): string[] =>
  items.map((item) => (item.type === 'message' ? item.text : item.type))

const states = ({ items }: TimelinePage): unknown[] =>
  items.map((item) => (item.type === 'message' ? item.state : item.type))

/** Every row there is but of tables that stay behind. */
async function all(db: StarlingDatabase): Promise<Record<string, unknown[]>> {
  const rows: Record<string, unknown[]> = {}
  for (const table of db.tables) rows[table.name] = await table.toArray()
  return rows
}

test('everything but keys of sessions comes back', async () => {
  await befriend(network, anna, ben)
  await say(anna, ben.peer, 'first')
  await page(anna, ben.peer, (each) => states(each)[0] === 'delivered')
  await say(ben, anna.peer, 'second')
  await page(anna, ben.peer, (each) => told(each).includes('second'))
  await say(anna, anna.peer, 'a note')
  await anna.chat.saveDraft(ben.peer, 'half a')
  await anna.contacts.setNote(ben.peer, 'from the library')
  const of = (...number: NoteNumber): NoteNumber => number
  const notes = { said: 3, heard: of(5, 2), lost: of(4, 3), anew: of(5, 1) }
  await anna.db.chains.update(ben.peer, { notes })
  const from = device(anna.db)
  const made = await file(from)
  const to = device()
  await to.backup.restore(made, await phraseOf(from))

  const [before, after] = [await all(anna.db), await all(to.db)]
  for (const table of ['identity', 'profile', 'settings', 'contacts', 'requests', 'progress']) {
    expect(after[table], table).toEqual(before[table])
  }
  expect(after['messages']).toEqual(before['messages'])
  expect(await to.db.conversations.get(ben.peer)).toMatchObject({
    draft: 'half a',
    unread: 1,
    last: { text: 'second' },
  })
  expect(await to.db.conversations.get(anna.peer)).toMatchObject({ last: { text: 'a note' } })
  expect(await to.db.chains.get(ben.peer)).toMatchObject({ notes })
  expect(after['sessions']).toEqual([])
  expect(after['prekeys']).toEqual([])
  expect(to.created).toEqual([anna.peer])
})

test('a conversation goes on in both directions, with what was said after the backup by the other', async () => {
  await befriend(network, anna, ben)
  await say(anna, ben.peer, 'one')
  await page(ben, anna.peer, (each) => told(each).includes('one'))
  await ben.chat.markRead(anna.peer, await say(ben, anna.peer, 'two'))
  await page(anna, ben.peer, (each) => told(each).includes('two'))
  const from = device(anna.db)
  const made = await file(from)
  const key = await phraseOf(from)
  await say(anna, ben.peer, 'lost with the device, but not with Ben')
  await say(ben, anna.peer, 'three')
  await page(anna, ben.peer, (each) => told(each).includes('three'))
  await page(ben, anna.peer, (each) => told(each).length === 4)
  network.disconnect(anna.host, ben.host)

  anna = await moved(anna, made, key)
  network.connect(anna.host, ben.host)
  await say(anna, ben.peer, 'four')
  await page(anna, ben.peer, (each) => told(each).includes('three'))
  await page(ben, anna.peer, (each) => told(each).includes('four'))
  await say(ben, anna.peer, 'five')
  const last = await page(anna, ben.peer, (each) => told(each).includes('five'))
  expect(told(last).toSorted()).toEqual(['five', 'four', 'one', 'three', 'two'])
  const theirs = await page(ben, anna.peer, (each) => told(each).length === 6)
  expect(new Set(told(theirs)).size).toBe(6)
})

test('everybody restored with me is owed a hello, and how far I hold what they said', async () => {
  await befriend(network, anna, ben)
  const cleo = await person(network, clock, 'Cleo')
  const dan = await person(network, clock, 'Dan')
  await anna.contacts.add(await cleo.code())
  await anna.contacts.add(await dan.code())
  await anna.contacts.block(dan.peer)
  const from = device(anna.db)
  const to = device()
  await to.backup.restore(await file(from), await phraseOf(from))
  const owed = await to.db.owed.toArray()
  expect(owed).toHaveLength(4)
  for (const { peer } of [ben, cleo]) {
    expect(owed).toContainEqual({ peer, type: 'hello', lost: false, sealed: null, receipts: [] })
    expect(owed).toContainEqual({ peer, type: 'status', lost: true, sealed: null, receipts: [] })
  }
  await cleo.stop()
  await dan.stop()
})

test('what waited at the backup comes once, whether it was delivered since or not', async () => {
  await befriend(network, anna, ben)
  await say(anna, ben.peer, 'held')
  await page(anna, ben.peer, (each) => states(each)[0] === 'delivered')
  network.disconnect(anna.host, ben.host)
  const waiting = [
    await say(anna, ben.peer, 'waited, then delivered'),
    await say(anna, ben.peer, 'waited and lost'),
  ]
  const from = device(anna.db)
  const made = await file(from)
  const key = await phraseOf(from)
  // The old device delivers the first of them before it is gone.
  const { outbox } = anna.db
  const rest = (await outbox.toArray()).filter(({ id }) => id === waiting[1])
  await outbox.bulkDelete(rest.map(({ peer, chain, sequence }) => [peer, chain, sequence]))
  network.connect(anna.host, ben.host)
  await page(ben, anna.peer, (each) => told(each).length === 2)
  network.disconnect(anna.host, ben.host)

  anna = await moved(anna, made, key)
  expect(states(await page(anna, ben.peer, () => true))).toEqual(['delivered', 'queued', 'queued'])
  network.connect(anna.host, ben.host)
  await say(anna, ben.peer, 'new')
  const theirs = await page(ben, anna.peer, (each) => told(each).includes('new'))
  expect(told(theirs)).toEqual(['held', 'waited, then delivered', 'waited and lost', 'new'])
  expect(theirs.items.slice(1, 3).map(({ id }) => id)).toEqual(waiting)
  const mine = await page(anna, ben.peer, (each) =>
    states(each).every((state) => state === 'delivered'),
  )
  expect(mine.items.map(({ id }) => id)).toEqual(theirs.items.map(({ id }) => id))
  const [row] = await ben.db.conversations.toArray()
  expect(row).toMatchObject({ unread: 4, last: { text: 'new' } })
})

test('a second restoration, from a backup of the first, loses nothing either', async () => {
  await befriend(network, anna, ben)
  await say(anna, ben.peer, 'held')
  await page(anna, ben.peer, (each) => states(each)[0] === 'delivered')
  network.disconnect(anna.host, ben.host)
  await say(anna, ben.peer, 'waits')
  const key = await phraseOf(device(anna.db))
  anna = await moved(anna, await file(device(anna.db)), key)
  await say(anna, ben.peer, 'waits too')
  anna = await moved(anna, await file(device(anna.db)), key)
  expect(states(await page(anna, ben.peer, () => true))).toEqual(['delivered', 'queued', 'queued'])
  network.connect(anna.host, ben.host)
  const theirs = await page(ben, anna.peer, (each) => told(each).length === 3)
  expect(told(theirs)).toEqual(['held', 'waits', 'waits too'])
})

test('a restored device is newer than the one of the backup, and says so once it is durable', async () => {
  const from = device(anna.db)
  const made = await file(from)
  const old = (await anna.db.device.get('me'))!
  clock.advance(-3_600_000)
  const to = device()
  await to.backup.restore(made, await phraseOf(from))
  const row = (await to.db.device.get('me'))!
  expect(to.restored).toEqual([row])
  expect(row.generation).toBe(old.generation + 1)
  expect(row.id).not.toEqual(old.id)
})

test('by password, in whatever case and with whatever blanks its words are typed', async () => {
  const from = device(anna.db)
  const password = await from.backup.oneTimePassword()
  expect(password.split(' ')).toHaveLength(6)
  const made = await file(from, { type: 'password', password })
  expect(await from.backup.read(made)).toEqual({ createdAtMs: clock.now(), key: 'password' })
  const typed = `  ${password.toUpperCase().replaceAll(' ', '  ')}`
  const to = device()
  await to.backup.restore(made, { type: 'password', password: typed })
  expect(to.created).toEqual([anna.peer])
  const wrong = device().backup.restore(made, { type: 'password', password: 'six other words' })
  await expect(wrong).rejects.toThrow(WrongBackupKeyError)
})

test('the phrase alone brings back the person, and nobody else', async () => {
  const from = device(anna.db)
  const { words, whole } = await from.backup.phrase()
  expect(whole).toBe(true)
  const to = device()
  await to.backup.restoreIdentity(words.join(' '), ' Anna again ')
  const [before, after] = [await all(anna.db), await all(to.db)]
  expect(after['identity']).toEqual(before['identity'])
  expect(after['profile']).toEqual([{ key: 'me', name: 'Anna again', createdAtMs: clock.now() }])
  expect(after['contacts']).toEqual([])
  expect(to.created).toEqual([anna.peer])
  expect(to.restored).toHaveLength(1)
  expect(await until(to.backup.watchSafekeeping())).toMatchObject({ phraseKeptAtMs: clock.now() })
})

test('an identity of an earlier version says that its phrase does not bring back all', async () => {
  const secrets = createSecrets(systemRandom)
  const earlier = createSecrets(systemRandom)
  const db = memoryDatabase()
  await db.identity.add({ key: 'me', ...secrets, mlDsaSeed: mlDsaSeedOf(earlier.ed25519Seed) })
  expect((await device(db).backup.phrase()).whole).toBe(false)
})

test('what is no phrase is told, and nobody comes', async () => {
  const to = device()
  const words = (await device(anna.db).backup.phrase()).words
  // Its last word would have to be another: words in any order fit together once in 256 times.
  const wrong = Array.from(words, () => 'abandon').join(' ')
  expect((await to.backup.checkPhrase(words.join('\n'))).type).toBe('phrase')
  expect((await to.backup.checkPhrase('one two')).type).toBe('count')
  await expect(to.backup.restoreIdentity(wrong, 'Anna')).rejects.toThrow(InvalidPhraseError)
  await expect(to.backup.restoreIdentity(words.join(' '), ' ')).rejects.toThrow(InvalidDataError)
  expect(to.created).toEqual([])
})

test('a restoration is whole also when nobody wants to be told', async () => {
  const from = device(anna.db)
  const to = device(memoryDatabase(), {})
  await to.backup.restore(await file(from), await phraseOf(from))
  expect(await to.db.profile.get('me')).toMatchObject({ name: 'Anna' })
})

test('a tab that waits for somebody to come sees them come back', async () => {
  const from = device(anna.db)
  const to = device()
  expect(await to.profile.identity()).toBeNull()
  const seen = until(to.profile.watchProfile(), (me) => me !== null)
  await to.backup.restore(await file(from), await phraseOf(from))
  expect(await seen).toMatchObject({ peer: anna.peer, name: 'Anna' })
})

test('whoever is here already is not replaced', async () => {
  const here = device(ben.db)
  const from = device(anna.db)
  const key = await phraseOf(from)
  await expect(here.backup.restore(await file(from), key)).rejects.toThrow(AlreadyCreatedError)
  const { phrase } = key as { phrase: string }
  await expect(here.backup.restoreIdentity(phrase, 'A')).rejects.toThrow(AlreadyCreatedError)
  expect(await here.db.profile.get('me')).toMatchObject({ name: 'Ben' })
})

test('a restoration that fails leaves the device as it was, wherever it does', async () => {
  await befriend(network, anna, ben)
  for (let index = 0; index < 40; index += 1) await say(anna, ben.peer, `${index}`.repeat(7_500))
  const from = device(anna.db)
  const made = await file(from)
  const key = await phraseOf(from)
  const chunk = 65_552
  const head = made.size % chunk
  expect(made.size).toBeGreaterThan(head + 6 * chunk)
  for (const chunks of [1, 3, 5]) {
    const to = device()
    const before = await all(to.db)
    const cut = made.slice(0, head + chunks * chunk)
    await expect(to.backup.restore(cut, key)).rejects.toThrow(TruncatedBackupError)
    const broken = new Uint8Array(await made.arrayBuffer())
    broken[head + chunks * chunk + 9]! ^= 4
    await expect(to.backup.restore(new Blob([broken]), key)).rejects.toThrow(DamagedBackupError)
    expect(await all(to.db)).toEqual(before)
    expect(to.created).toEqual([])
    await to.backup.restore(made, key)
    expect(await to.db.messages.count()).toBe(40)
  }
})

test('a restoration without room fails as a whole, and one that power cut off is cleared away', async () => {
  await befriend(network, anna, ben)
  await say(anna, ben.peer, 'one')
  const from = device(anna.db)
  const made = await file(from)
  const key = await phraseOf(from)
  const to = device()
  const full = (): void => {
    throw new DOMException('no room', 'QuotaExceededError')
  }
  to.db.identity.hook('creating', full)
  await expect(to.backup.restore(made, key)).rejects.toThrow(StorageFullError)
  expect(await to.db.contacts.count()).toBe(0)
  to.db.identity.hook('creating').unsubscribe(full)

  await to.db.contacts.bulkAdd(await anna.db.contacts.toArray())
  await to.backup.start()
  expect(await to.db.contacts.count()).toBe(0)
  await to.backup.restore(made, key)
  await to.backup.start()
  expect(await to.db.contacts.count()).toBe(1)
})

test('a file that opens but holds what is no row is damaged, and one of later rows is newer', async () => {
  const secret = { type: 'phrase', ed25519Seed: createSecrets(systemRandom).ed25519Seed } as const
  const identity = (await anna.db.identity.get('me'))!
  const any = codec(v.unknown(), 100_000)
  const made = async (...items: Uint8Array[]): Promise<Blob> => {
    const pieces: Uint8Array<ArrayBuffer>[] = []
    const seal = sealBackup({ stretch, random: systemRandom }, secret, 1, items)
    for await (const piece of seal) pieces.push(piece)
    return new Blob(pieces)
  }
  const own = device()
  await own.db.identity.add({ key: 'me', ...createSecrets(systemRandom), ...secret })
  const key = await phraseOf(own)
  const me = encodeRow(['identity', identity])
  const other = createSecrets(systemRandom).keyCommitment
  const bad: Uint8Array[][] = [
    [],
    [encodeVersion()],
    [encodeVersion(), me],
    [encodeVersion(), encodeRow(['identity', { ...identity, keyCommitment: other }])],
    [encodeVersion(), me, any.encode(['sessions', { peer: ben.peer, sessions: other }])],
    [encodeVersion(), me, any.encode(['constructor', {}])],
    [encodeVersion(), me, any.encode(['contacts', { peer: ben.peer }])],
    [encodeVersion(), me, Uint8Array.of(0xff)],
  ]
  for (const [index, items] of bad.entries()) {
    const to = device()
    const restoring = to.backup.restore(await made(...items), key)
    await expect(restoring, `${index}`).rejects.toThrow(DamagedBackupError)
    expect(to.created).toEqual([])
  }
  const later = await made(any.encode({ rows: 2 }), any.encode(['identity', 'of another shape']))
  await expect(device().backup.restore(later, key)).rejects.toThrow(NewerBackupError)
})

test('a backup is made while messages come, and holds together', async () => {
  await befriend(network, anna, ben)
  for (let index = 0; index < 20; index += 1) await say(anna, ben.peer, `before ${index}`)
  const from = device(anna.db)
  const pieces: Uint8Array<ArrayBuffer>[] = []
  for await (const piece of from.backup.write({ type: 'phrase' })) {
    // The first piece is the head: nothing was read yet.
    pieces.push(piece)
    if (pieces.length === 1) continue
    await say(anna, ben.peer, 'while')
  }
  await say(ben, anna.peer, 'after')
  await page(anna, ben.peer, (each) => told(each).includes('after'))
  anna = await moved(anna, new Blob(pieces), await phraseOf(from))
  network.connect(anna.host, ben.host)
  await say(anna, ben.peer, 'end')
  const theirs = await page(ben, anna.peer, (each) => told(each).includes('end'))
  expect(new Set(theirs.items.map(({ id }) => id)).size).toBe(theirs.items.length)
  await page(anna, ben.peer, (each) => told(each).includes('after'))
})

test('a history of more messages than are read at once comes back whole', async () => {
  const note = await say(anna, anna.peer, 'a note')
  const row = (await anna.db.messages.get(note))!
  const many = Array.from({ length: 1_300 }, (_, index) => ({
    ...row,
    id: messageIdOf(sha256(Uint8Array.of(index & 0xff, index >> 8))),
    sequence: 0,
    // Many were written at the same time.
    sentAtMs: row.sentAtMs - (index % 3),
    text: `${index}`,
  }))
  await anna.db.messages.bulkAdd(many)
  const from = device(anna.db)
  const to = device()
  await to.backup.restore(await file(from), await phraseOf(from))
  const back = await to.db.messages.toArray()
  expect(new Set(back.map(({ text }) => text)).size).toBe(1_301)
  expect(back).toHaveLength(1_301)
})

test('an estimate is near the truth', async () => {
  await befriend(network, anna, ben)
  for (let index = 1; index <= 40; index += 1) {
    await say(anna, ben.peer, 'words '.repeat(60 * index))
  }
  network.disconnect(anna.host, ben.host)
  await anna.db.outbox.clear()
  await anna.db.progress.clear()
  const from = device(anna.db)
  const { bytes } = await from.backup.estimate()
  const { size } = await file(from)
  expect(bytes / size).toBeGreaterThan(0.7)
  expect(bytes / size).toBeLessThan(1.4)
})

test('what was done to lose nothing is remembered', async () => {
  const { backup } = device(anna.db)
  expect(await until(backup.watchSafekeeping())).toMatchObject({
    phraseKeptAtMs: null,
    declinedAtMs: null,
    backup: null,
  })
  await backup.declineOffer()
  await backup.phraseKept()
  await backup.written(70_000)
  const now = clock.now()
  expect(await until(backup.watchSafekeeping())).toMatchObject({
    phraseKeptAtMs: now,
    declinedAtMs: now,
    backup: { atMs: now, bytes: 70_000 },
  })
})
