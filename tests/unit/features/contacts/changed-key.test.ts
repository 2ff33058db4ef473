import { afterEach, beforeEach, expect, test } from 'vitest'
import { createSecrets, openIdentity, secretsFrom } from '#lib/crypto/identity.ts'
import type { Contact } from '#lib/features/contacts/api.ts'
import { cardFragment, sealCard } from '#lib/features/contacts/card.ts'
import {
  DifferentKeysError,
  NotASafetyCodeError,
  UnknownContactError,
} from '#lib/features/contacts/errors.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { FakeNetwork, settled } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
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
  await befriend(network, anna, ben)
})

afterEach(async () => {
  await anna.stop()
  await ben.stop()
  expect(clock.pending).toBe(0)
})

const contact = (
  of: Person,
  peer: string,
  holds: (contact: Contact) => boolean = () => true,
): Promise<Contact> =>
  until(of.contacts.watchContacts(), (list) =>
    list.some((each) => each.peer === peer && holds(each)),
  ).then((list) => list.find((each) => each.peer === peer)!)

const texts = async (of: Person, other: Person, count: number): Promise<string[]> => {
  const window = { around: 'end', before: 50, after: 0 } as const
  const { items } = await until(
    of.chat.watchTimeline(other.peer, window),
    (page) => page.items.length >= count,
  )
  return items.map((item) => (item.type === 'message' ? item.text : 'gap'))
}

const codeOf = async (of: Person, other: Person): Promise<string> =>
  (await of.contacts.safety(other.peer))!.code

/** Ben's id on another device, whose post-quantum key is another one. */
async function benElsewhere(): Promise<void> {
  network.disconnect(anna.host, ben.host)
  await ben.stop()
  const { ed25519Seed } = (await ben.db.identity.get('me'))!
  const { mlDsaSeed } = createSecrets(systemRandom)
  await ben.db.identity.put({ key: 'me', ...secretsFrom(ed25519Seed, mlDsaSeed) })
  await ben.db.sessions.clear()
  await ben.db.prekeys.clear()
  ben = await reopened(network, clock, ben.db)
  await until(ben.contacts.watchMyCode())
}

/** Ben comes back with another key, and Anna hears of it. */
async function benChanges(): Promise<void> {
  await benElsewhere()
  network.connect(anna.host, ben.host)
  await contact(anna, ben.peer, ({ state }) => state === 'changed')
}

test('the mark of a compared contact is kept, and taken away when I say so', async () => {
  expect((await contact(anna, ben.peer)).verified).toBe(false)
  await anna.contacts.verify(ben.peer, await codeOf(ben, anna))
  expect((await contact(anna, ben.peer)).verified).toBe(true)
  expect((await contact(ben, anna.peer)).verified).toBe(false)
  await anna.stop()
  anna = await reopened(network, clock, anna.db)
  expect((await contact(anna, ben.peer)).verified).toBe(true)
  await anna.contacts.unverify(ben.peer)
  expect((await contact(anna, ben.peer)).verified).toBe(false)
})

test('codes of other keys and other texts mark nobody', async () => {
  const carol = await person(network, clock, 'Carol')
  await befriend(network, anna, carol)
  const { contacts } = anna
  await expect(contacts.verify(ben.peer, await codeOf(anna, carol))).rejects.toThrow(
    DifferentKeysError,
  )
  await expect(contacts.verify(ben.peer, await ben.code())).rejects.toThrow(NotASafetyCodeError)
  await expect(contacts.verify(anna.peer, await codeOf(ben, anna))).rejects.toThrow(
    UnknownContactError,
  )
  expect((await contact(anna, ben.peer)).verified).toBe(false)
  await carol.stop()
})

test('one whose card was never seen cannot be compared', async () => {
  const { peer } = await signerOf(9)
  await anna.contacts.add(peer)
  expect(await anna.contacts.safety(peer)).toBeNull()
  expect((await anna.contacts.preview(peer)).safetyWords).toBeNull()
})

test('a hello with another key is shown, takes the mark away and tells nothing else', async () => {
  await anna.contacts.verify(ben.peer, await codeOf(ben, anna))
  await benElsewhere()
  await ben.profile.rename('Benjamin')
  network.connect(anna.host, ben.host)
  expect(await contact(anna, ben.peer, ({ state }) => state === 'changed')).toMatchObject({
    name: 'Ben',
    verified: false,
    path: 'offline',
  })
  await anna.stop()
  anna = await reopened(network, clock, anna.db)
  expect((await contact(anna, ben.peer)).state).toBe('changed')
})

test('nothing is exchanged until I accept the new key; then what waited arrives, both ways', async () => {
  await anna.chat.send(ben.peer, 'before', '1')
  await texts(ben, anna, 1)
  await benChanges()
  await anna.chat.send(ben.peer, 'from Anna', '2')
  await ben.chat.send(anna.peer, 'from Ben', '3')
  await settled(50)
  expect(await texts(ben, anna, 2)).toEqual(['before', 'from Ben'])
  expect(await texts(anna, ben, 2)).toEqual(['before', 'from Anna'])
  expect(anna.contacts.hasMutual(ben.peer)).toBe(false)

  await anna.contacts.acceptKey(ben.peer)
  expect(await contact(anna, ben.peer)).toMatchObject({ state: 'mutual', verified: false })
  expect((await texts(anna, ben, 3)).toSorted()).toEqual(['before', 'from Anna', 'from Ben'])
  expect((await texts(ben, anna, 3)).toSorted()).toEqual(['before', 'from Anna', 'from Ben'])
  await contact(anna, ben.peer, ({ path }) => path === 'direct')
})

test('what was sealed for the old key is sealed again before it goes out', async () => {
  await anna.chat.send(ben.peer, 'first', '1')
  await texts(ben, anna, 1)
  network.disconnect(anna.host, ben.host)
  await anna.chat.send(ben.peer, 'second', '2')
  const sealed = async () => (await anna.db.outbox.toArray()).map((row) => row.sealed !== null)
  expect(await sealed()).toContain(true)
  await benChanges()
  network.disconnect(anna.host, ben.host)
  await anna.contacts.acceptKey(ben.peer)
  expect((await anna.db.outbox.toArray()).at(-1)!.sealed).toBeNull()
  expect(await anna.db.sessions.get(ben.peer)).toBeUndefined()
  network.connect(anna.host, ben.host)
  expect(await texts(ben, anna, 2)).toEqual(['first', 'second'])
})

test('comparing the new key accepts and marks it', async () => {
  await benChanges()
  await anna.contacts.verify(ben.peer, await codeOf(ben, anna))
  expect(await contact(anna, ben.peer)).toMatchObject({ state: 'mutual', verified: true })
})

test('comparing shows that the offered key is not theirs: the old one stays', async () => {
  const code = await codeOf(ben, anna)
  const { ed25519Seed } = (await ben.db.identity.get('me'))!
  const thief = await openIdentity(secretsFrom(ed25519Seed, createSecrets(systemRandom).mlDsaSeed))
  const { peer, keyCommitment } = thief
  const forged = await sealCard(
    { peer, name: 'Ben', keyCommitment, relays: [], expiresAtMs: null },
    thief,
  )
  await anna.contacts.add(cardFragment(forged))
  expect((await contact(anna, ben.peer)).state).toBe('changed')
  expect(await codeOf(anna, ben)).not.toBe(code)
  await anna.contacts.verify(ben.peer, code)
  expect(await contact(anna, ben.peer)).toMatchObject({ state: 'mutual', verified: true })
})

test('a code with another key is previewed as that, and offers it', async () => {
  const signer = await signerOf(9)
  const card = { peer: signer.peer, name: 'Dora', relays: [], expiresAtMs: null }
  const codeWith = async (commitment: number) =>
    cardFragment(
      await sealCard({ ...card, keyCommitment: new Uint8Array(32).fill(commitment) }, signer),
    )
  await anna.contacts.add(await codeWith(1))
  expect((await anna.contacts.preview(await codeWith(1))).relation).toBe('waiting')
  expect((await anna.contacts.preview(await codeWith(2))).relation).toBe('changed')
  await anna.contacts.add(await codeWith(2))
  expect((await contact(anna, signer.peer)).state).toBe('changed')
  expect(anna.contacts.keyCommitmentOf(signer.peer)).toEqual(new Uint8Array(32).fill(1))
  await anna.contacts.acceptKey(signer.peer)
  expect(anna.contacts.keyCommitmentOf(signer.peer)).toEqual(new Uint8Array(32).fill(2))
  expect((await contact(anna, signer.peer)).state).toBe('waiting')
})

test('a blocked contact stays blocked, whatever key they show', async () => {
  await benChanges()
  await anna.contacts.block(ben.peer)
  expect((await contact(anna, ben.peer)).state).toBe('blocked')
  await anna.contacts.unblock(ben.peer)
  expect((await contact(anna, ben.peer)).state).toBe('changed')
})

test('who is called as another contact is said to be', async () => {
  const carol = await person(network, clock, 'Carol')
  await befriend(network, anna, carol)
  expect((await contact(anna, carol.peer)).sharesName).toBe(false)
  await carol.profile.rename('Веn')
  expect(await contact(anna, carol.peer, ({ sharesName }) => sharesName)).toMatchObject({
    name: 'Веn',
  })
  expect((await contact(anna, ben.peer)).sharesName).toBe(true)
  await anna.contacts.setAlias(carol.peer, 'Carol')
  expect((await contact(anna, ben.peer)).sharesName).toBe(false)
  await carol.stop()
})

test('a request in the name of a contact is said to be', async () => {
  const other = await person(network, clock, 'ben')
  await other.contacts.add(await anna.code())
  network.connect(other.host, anna.host)
  const [request] = await until(anna.contacts.watchRequests(), (list) => list.length > 0)
  expect(request!.sharesName).toBe(true)
  await other.stop()
})
