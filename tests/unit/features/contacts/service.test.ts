import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RequestRow } from '#lib/db/schema.ts'
import type { Contact, ContactRequest } from '#lib/features/contacts/api.ts'
import { sealCard } from '#lib/features/contacts/card.ts'
import { OwnCodeError, UnknownContactError } from '#lib/features/contacts/errors.ts'
import {
  CONTACTS_PROTOCOL,
  helloCodec,
  MAX_HELLOS_PER_MINUTE,
} from '#lib/features/contacts/protocol.ts'
import {
  MAX_NEW_REQUESTS_PER_MINUTE,
  MAX_NOTE_CHARS,
  MAX_REQUESTS,
} from '#lib/features/contacts/service.ts'
import { DexieContactsStore } from '#lib/features/contacts/store.ts'
import type { Channel } from '#lib/p2p/api.ts'
import { FakeNetwork, settled } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { memoryDatabase } from '../../../fixtures/memory-database.ts'
import { befriend, person, reopened, type Person } from '../../../fixtures/person.ts'
import { signerOf } from '../../../fixtures/signers.ts'
import { until } from '../../../fixtures/until.ts'

let clock: ManualClock
let network: FakeNetwork
let anna: Person
let ben: Person

beforeEach(async () => {
  clock = new ManualClock()
  network = new FakeNetwork()
  anna = await person(network, clock, 'Anna')
  ben = await person(network, clock, 'Ben')
})

afterEach(async () => {
  await anna.stop()
  await ben.stop()
  expect(clock.pending).toBe(0)
})

function contact(
  of: Person,
  other: Person,
  holds: (contact: Contact) => boolean = () => true,
): Promise<Contact> {
  return until(of.contacts.watchContacts(), (list) =>
    list.some((each) => each.peer === other.peer && holds(each)),
  ).then((list) => list.find(({ peer }) => peer === other.peer)!)
}

const requests = (of: Person): Promise<ContactRequest[]> => until(of.contacts.watchRequests())

const requested = (of: Person): Promise<ContactRequest[]> =>
  until(of.contacts.watchRequests(), (list) => list.length > 0)

/** Somebody with keys who says to Ben what a test wants. */
async function stranger(seed: number, name = 'Stranger', sinceMs = 1) {
  const signer = await signerOf(seed)
  const host = network.host(signer.peer)
  let channel: Channel | null = null
  await host.channels.handle({
    protocol: CONTACTS_PROTOCOL,
    maxFrameBytes: 1e6,
    accept: () => true,
    onChannel: (opened) => (channel = opened),
  })
  network.connect(host, ben.host)
  await settled()
  const card = await sealCard(
    {
      peer: signer.peer,
      name,
      keyCommitment: new Uint8Array(32).fill(seed),
      relays: [],
      expiresAtMs: null,
    },
    signer,
  )
  const hello = (changes: { card?: Uint8Array; sinceMs?: number } = {}): Uint8Array =>
    helloCodec.encode({ type: 'hello', card, sinceMs, mutual: false, ...changes })
  return { peer: signer.peer, host, card, hello, channel: () => channel! }
}

test('somebody is a contact no sooner than it is kept that they are to be told', async () => {
  const written: string[] = []
  anna.db.owed.hook('creating', () => void written.push('owed'))
  anna.db.contacts.hook('creating', () => void written.push('contact'))
  await anna.contacts.add(await ben.code())
  expect(written).toEqual(['owed', 'contact'])
})

test('who seems to be here is told through a mailbox too: the connection may be dead already', async () => {
  await anna.contacts.add(await ben.code())
  network.connect(anna.host, ben.host)
  await requested(ben)
  await ben.contacts.accept(anna.peer)
  expect(await ben.db.owed.where({ peer: anna.peer, type: 'hello' }).count()).toBe(1)
})

test('one scan and one acceptance make both contacts of each other', async () => {
  await anna.contacts.add(await ben.code())
  expect(await contact(anna, ben)).toMatchObject({ name: 'Ben', state: 'waiting', path: 'offline' })
  expect(anna.host.peers.wanted.has(ben.peer)).toBe(true)

  network.connect(anna.host, ben.host)
  const [request] = await requested(ben)
  expect(request).toMatchObject({ peer: anna.peer, name: 'Anna' })
  expect(request!.safetyWords).toEqual((await anna.contacts.safety(ben.peer))!.words)
  expect((await contact(anna, ben)).state).toBe('waiting')

  await ben.contacts.accept(anna.peer)
  expect(await contact(anna, ben, ({ state }) => state === 'mutual')).toMatchObject({
    path: 'direct',
  })
  expect((await contact(ben, anna)).state).toBe('mutual')
  expect(await requests(ben)).toEqual([])
})

test('only who has me too is met directly', async () => {
  await anna.contacts.add(await ben.code())
  expect(anna.host.peers.wantedDirectly.has(ben.peer)).toBe(false)
  network.connect(anna.host, ben.host)
  await requested(ben)
  await ben.contacts.accept(anna.peer)
  expect(ben.host.peers.wantedDirectly.has(anna.peer)).toBe(true)
  await contact(anna, ben, ({ state }) => state === 'mutual')
  expect(anna.host.peers.wantedDirectly.has(ben.peer)).toBe(true)
})

test('two who scan each other need no acceptance', async () => {
  await befriend(network, anna, ben)
  expect(await requests(anna)).toEqual([])
  expect(await requests(ben)).toEqual([])
})

test('an acceptance while apart is told on the next meeting', async () => {
  await anna.contacts.add(await ben.code())
  network.connect(anna.host, ben.host)
  await requested(ben)
  network.disconnect(anna.host, ben.host)
  await ben.contacts.accept(anna.peer)
  network.connect(anna.host, ben.host, 'relayed')
  expect((await contact(anna, ben, ({ state }) => state === 'mutual')).path).toBe('relayed')
})

test('the plain form gets its name with the first hello', async () => {
  await anna.contacts.add(ben.peer)
  expect((await contact(anna, ben)).name).toBe(`…${ben.peer.slice(-8)}`)
  await ben.contacts.add(anna.peer)
  network.connect(anna.host, ben.host)
  expect((await contact(anna, ben, ({ state }) => state === 'mutual')).name).toBe('Ben')
})

test('my own code is previewed as mine, and not added', async () => {
  const code = await anna.code()
  expect(await anna.contacts.preview(code)).toMatchObject({ peer: anna.peer, relation: 'self' })
  await expect(anna.contacts.add(code)).rejects.toThrow(OwnCodeError)
})

test('a preview says how I stand with a person', async () => {
  const relation = async (): Promise<string> =>
    (await ben.contacts.preview(await anna.code())).relation
  expect(await relation()).toBe('new')
  await anna.contacts.add(await ben.code())
  network.connect(anna.host, ben.host)
  await requested(ben)
  expect(await relation()).toBe('requested-me')
  await ben.contacts.accept(anna.peer)
  expect(await relation()).toBe('mutual')
  await ben.contacts.block(anna.peer)
  expect(await relation()).toBe('blocked')
})

test('a new name reaches contacts who are there, and those who come later', async () => {
  await befriend(network, anna, ben)
  await anna.profile.rename('Аня')
  await contact(ben, anna, ({ name }) => name === 'Аня')
  network.disconnect(anna.host, ben.host)
  await anna.profile.rename('Анна')
  network.connect(anna.host, ben.host)
  await contact(ben, anna, ({ name }) => name === 'Анна')
})

test('my code follows my name and my relays', async () => {
  const before = await until(anna.contacts.watchMyCode())
  expect(before.plain).toBe(anna.peer)
  anna.host.peers.relays = ['relay.example.org']
  anna.host.network.list = [
    `/dns4/relay.example.org/tcp/443/wss/p2p/${ben.peer}/p2p-circuit/webrtc/p2p/${anna.peer}`,
    `/dns4/relay.example.org/tcp/443/wss/p2p/${ben.peer}/p2p-circuit/p2p/${anna.peer}`,
  ]
  anna.host.network.changed()
  const after = await until(
    anna.contacts.watchMyCode(),
    ({ fragment }) => fragment !== before.fragment,
  )
  expect(after.plain).toBe(`${anna.peer}@${anna.host.network.list[1]!}`)
  await ben.contacts.add(after.fragment)
  expect(ben.host.peers.wanted.get(anna.peer)).toEqual(['relay.example.org'])
})

test('what I call somebody and note about them stays with me', async () => {
  await befriend(network, anna, ben)
  await anna.contacts.setAlias(ben.peer, '  Benny ')
  await anna.contacts.setNote(ben.peer, 'climbs')
  expect(await contact(anna, ben)).toMatchObject({ name: 'Ben', alias: 'Benny', note: 'climbs' })
  await anna.contacts.setAlias(ben.peer, ' ')
  expect((await contact(anna, ben)).alias).toBeNull()
  await expect(anna.contacts.setNote(anna.peer, '')).rejects.toThrow(UnknownContactError)
})

test('a note is kept up to its longest length, and what is beyond is cut off', async () => {
  await befriend(network, anna, ben)
  for (const [chars, kept] of [
    [MAX_NOTE_CHARS, MAX_NOTE_CHARS],
    [MAX_NOTE_CHARS + 1, MAX_NOTE_CHARS],
  ] as const) {
    await anna.contacts.setNote(ben.peer, 'x'.repeat(chars))
    expect((await contact(anna, ben)).note).toHaveLength(kept)
  }
})

test('a blocked person is refused at the connection, also after a restart', async () => {
  await befriend(network, anna, ben)
  await anna.contacts.block(ben.peer)
  expect(anna.host.denied.has(ben.peer)).toBe(true)
  expect(anna.host.peers.wanted.has(ben.peer)).toBe(false)
  await anna.stop()
  anna = await reopened(network, clock, anna.db)
  expect(anna.host.denied.has(ben.peer)).toBe(true)
  await anna.contacts.unblock(ben.peer)
  expect(anna.host.denied.has(ben.peer)).toBe(false)
  expect((await contact(anna, ben)).state).toBe('mutual')
})

test('a stranger who was blocked and unblocked is a stranger again', async () => {
  await anna.contacts.add(await ben.code())
  network.connect(anna.host, ben.host)
  await requested(ben)
  await ben.contacts.block(anna.peer)
  expect((await contact(ben, anna)).state).toBe('blocked')
  await ben.contacts.unblock(anna.peer)
  expect(await until(ben.contacts.watchContacts())).toEqual([])
})

test('who was declined or removed does not come back by themselves, but can ask anew', async () => {
  await anna.contacts.add(await ben.code())
  network.connect(anna.host, ben.host)
  await requested(ben)
  await ben.contacts.decline(anna.peer)
  network.connect(anna.host, ben.host)
  await settled(20)
  expect(await requests(ben)).toEqual([])

  clock.advance(1)
  await anna.contacts.remove(ben.peer, 'keep')
  await anna.contacts.add(await ben.code())
  network.connect(anna.host, ben.host)
  expect(await requested(ben)).toHaveLength(1)

  await ben.contacts.accept(anna.peer)
  await contact(anna, ben, ({ state }) => state === 'mutual')
  await ben.contacts.remove(anna.peer, 'delete')
  network.connect(anna.host, ben.host)
  await settled(20)
  expect(await requests(ben)).toEqual([])
  expect(await until(ben.contacts.watchContacts())).toEqual([])
})

test('somebody who removed me and adds me again has me at once', async () => {
  await befriend(network, anna, ben)
  await ben.contacts.remove(anna.peer, 'keep')
  await ben.contacts.add(await anna.code())
  network.connect(anna.host, ben.host)
  expect((await contact(ben, anna, ({ state }) => state === 'mutual')).state).toBe('mutual')
})

test('who removed me is not here for me, and is asked anew by adding them again', async () => {
  await befriend(network, anna, ben)
  await ben.contacts.remove(anna.peer, 'keep')
  network.connect(anna.host, ben.host)
  await settled(20)
  expect(await contact(anna, ben)).toMatchObject({ state: 'mutual', path: 'offline' })
  expect(await requests(ben)).toEqual([])

  clock.advance(1)
  await anna.contacts.add(await ben.code())
  expect(await requested(ben)).toMatchObject([{ peer: anna.peer }])
  await ben.contacts.accept(anna.peer)
  await contact(anna, ben, ({ path }) => path === 'direct')
})

test('one whom I removed is here at once when I add them again by their id', async () => {
  await befriend(network, anna, ben)
  await ben.contacts.remove(anna.peer, 'keep')
  network.connect(anna.host, ben.host)
  await settled(20)
  await ben.contacts.add(anna.peer)
  expect(await contact(ben, anna)).toMatchObject({ name: 'Anna', state: 'mutual', path: 'direct' })
  await contact(anna, ben, ({ path }) => path === 'direct')
})

test('who says that they have me is not asked anew by adding them again', async () => {
  await befriend(network, anna, ben)
  const { addedAtMs } = await contact(anna, ben)
  clock.advance(1)
  await anna.contacts.add(await ben.code())
  expect((await contact(anna, ben)).addedAtMs).toBe(addedAtMs)
})

test('a refusal is taken back, and stays known when their code is read', async () => {
  await anna.contacts.add(await ben.code())
  network.connect(anna.host, ben.host)
  await requested(ben)
  await ben.contacts.decline(anna.peer)
  expect((await ben.contacts.preview(await anna.code())).relation).toBe('requested-me')
  await ben.contacts.undoDecline(anna.peer)
  expect(await requested(ben)).toMatchObject([{ peer: anna.peer }])
  await ben.contacts.accept(anna.peer)
  await ben.contacts.undoDecline(anna.peer)
  expect(await requests(ben)).toEqual([])
})

test('who was declined asks anew by adding me again', async () => {
  await anna.contacts.add(await ben.code())
  network.connect(anna.host, ben.host)
  await requested(ben)
  await ben.contacts.decline(anna.peer)
  clock.advance(1)
  await anna.contacts.add(await ben.code())
  expect(await requested(ben)).toMatchObject([{ peer: anna.peer }])
})

test('last seen is when the connection last changed', async () => {
  await befriend(network, anna, ben)
  clock.advance(60_000)
  network.disconnect(anna.host, ben.host)
  const atMs = clock.now()
  clock.advance(60_000)
  const offline = await contact(anna, ben, ({ lastSeenAtMs }) => lastSeenAtMs === atMs)
  expect(offline.path).toBe('offline')
})

test('a watch shows the path as it changes', async () => {
  await befriend(network, anna, ben)
  network.connect(anna.host, ben.host, 'relayed')
  await contact(anna, ben, ({ path }) => path === 'relayed')
  network.connect(anna.host, ben.host, 'direct')
  await contact(anna, ben, ({ path }) => path === 'direct')
})

test('a card of somebody else ends the channel', async () => {
  const mallory = await stranger(50)
  const other = await stranger(51)
  await mallory.channel().send(mallory.hello({ card: other.card }))
  await settled(10)
  expect(mallory.channel().closed.aborted).toBe(true)
  expect(await requests(ben)).toEqual([])
})

test('bytes that are no hello end the channel', async () => {
  const mallory = await stranger(50)
  await mallory.channel().send(new Uint8Array(5))
  await settled(10)
  expect(mallory.channel().closed.aborted).toBe(true)
})

test('a hello too many within a minute ends the channel', async () => {
  const mallory = await stranger(50)
  for (let count = 0; count < MAX_HELLOS_PER_MINUTE; count += 1) {
    await mallory.channel().send(mallory.hello())
  }
  await requested(ben)
  await settled(300)
  expect(mallory.channel().closed.aborted).toBe(false)
  await mallory.channel().send(mallory.hello())
  await settled(10)
  expect(mallory.channel().closed.aborted).toBe(true)
})

test('of a thousand strangers at once as many are heard as may be within a minute', async () => {
  for (let seed = 1; seed <= 1_000; seed += 1) {
    const { host, channel, hello } = await stranger(seed)
    await channel().send(hello())
    await settled(10)
    network.disconnect(host, ben.host)
  }
  await until(ben.contacts.watchRequests(), (list) => list.length === MAX_NEW_REQUESTS_PER_MINUTE)
  clock.advance(60_000)
  const late = await stranger(1_001)
  await late.channel().send(late.hello())
  const list = await until(
    ben.contacts.watchRequests(),
    (some) => some.length > MAX_NEW_REQUESTS_PER_MINUTE,
  )
  expect(list).toHaveLength(MAX_NEW_REQUESTS_PER_MINUTE + 1)
  expect(list[0]!.peer).toBe(late.peer)
})

test('who was declined cannot ask anew faster than strangers may ask', async () => {
  const nagger = await stranger(50)
  for (let sinceMs = 1; sinceMs <= MAX_NEW_REQUESTS_PER_MINUTE; sinceMs += 1) {
    await nagger.channel().send(nagger.hello({ sinceMs }))
  }
  await settled(200)
  await ben.contacts.decline(nagger.peer)
  const sinceMs = MAX_NEW_REQUESTS_PER_MINUTE + 1
  await nagger.channel().send(nagger.hello({ sinceMs }))
  await settled(50)
  expect(await requests(ben)).toEqual([])
  clock.advance(60_000)
  await nagger.channel().send(nagger.hello({ sinceMs }))
  expect(await requested(ben)).toHaveLength(1)
})

test('of too many requests the oldest make room', async () => {
  const db = memoryDatabase()
  const store = new DexieContactsStore(db)
  const peers = await Promise.all(
    Array.from({ length: MAX_REQUESTS + 1 }, async (_, index) => (await signerOf(index + 1)).peer),
  )
  for (const [index, peer] of peers.entries()) {
    const request: RequestRow = {
      peer,
      name: 'Somebody',
      keyCommitment: new Uint8Array(32),
      relays: [],
      sinceMs: 0,
      receivedAtMs: index,
      dismissed: index % 2 === 0,
    }
    await store.replace(peer, { contact: null, request }, MAX_REQUESTS)
  }
  const kept = await db.requests.orderBy('receivedAtMs').primaryKeys()
  expect(kept).toEqual(peers.slice(1))
})
