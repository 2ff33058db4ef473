import { afterEach, beforeEach, expect, test } from 'vitest'
import type { DeliveryState } from '#lib/features/chat/api.ts'
import { VISIT_AFTER_MS } from '#lib/delivery/mailbox/own-mailboxes.ts'
import { RECEIPT_LIFE_MS, storesOf } from '#lib/delivery/receipts.ts'
import { EPOCH_MS, epochOf } from '#lib/crypto/mailbox-keys.ts'
import { RETENTION_MS } from '#lib/crypto/prekeys.ts'
import { ITEM_LIFE_MS } from '#lib/protocol/mailbox.ts'
import { PLACE_PASSES } from '#lib/protocol/place.ts'
import { toBase64url } from '#lib/protocol/base64url.ts'
import { FakeNetwork, settled } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { MemoryRelay } from '../../../fixtures/memory-relays.ts'
import { befriend, person, reopened, type Person } from '../../../fixtures/person.ts'
import { until } from '../../../fixtures/until.ts'

let clock: ManualClock
let network: FakeNetwork
let relays: MemoryRelay[]
let anna: Person
let ben: Person

beforeEach(async () => {
  clock = new ManualClock()
  network = new FakeNetwork()
  relays = await Promise.all([1, 2, 3].map((number) => MemoryRelay.of(number, clock)))
  anna = await person(network, clock, 'Anna', relays)
  ben = await person(network, clock, 'Ben', relays)
})

afterEach(async () => {
  await anna.stop()
  await ben.stop()
})

const sleep = async (who: Person): Promise<void> => {
  await who.stop()
  network.disconnect(anna.host, ben.host)
}
const awake = (who: Person): Promise<Person> => reopened(network, clock, who.db, relays)

/** Lets time pass until this holds; as long as its test may run, for signatures take real time. */
async function comes(holds: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await holds())) {
    clock.advance(1_000)
    await settled(20)
  }
}

const stateAt = async (who: Person, other: Person, text: string): Promise<DeliveryState | null> => {
  const window = { around: 'end' as const, before: 50, after: 0 }
  const { items } = await until(who.chat.watchTimeline(other.peer, window))
  const message = items.find((each) => each.type === 'message' && each.text === text)
  return message?.type === 'message' ? message.state : null
}
const textsAt = async (who: Person, other: Person): Promise<string[]> => {
  const window = { around: 'end' as const, before: 50, after: 0 }
  const { items } = await until(who.chat.watchTimeline(other.peer, window))
  return items.flatMap((each) => (each.type === 'message' ? [each.text] : []))
}
const bundles = async (who: Person): Promise<boolean> => {
  const { publicKey } = (await who.profile.identity())!.introductionMailbox(epochOf(clock.now()))
  const left = await Promise.all(
    relays.map(({ store }) => store.oneTimeLeft(publicKey, clock.now())),
  )
  return left.every((count) => count !== null)
}
const receiptsOf = async (who: Person): Promise<string[]> =>
  (await who.db.outbox.toArray()).flatMap(({ receipts }) => receipts.map(({ relay }) => relay))
/** Where people are told to write to them. */
const keepersOf = async (who: Person): Promise<string[]> =>
  (await who.db.mailboxRelays.toArray())
    .filter(({ retiredAtMs }) => retiredAtMs === null)
    .map(({ address }) => address)
const requestsOf = async (who: Person) => {
  await comes(async () => (await who.db.requests.count()) > 0)
  return until(who.contacts.watchRequests())
}
/** Items of the other that lie in the mailboxes of this person, at all relays. */
const waitingFor = async (who: Person, from: Person): Promise<number> => {
  const identity = (await who.profile.identity())!
  const epoch = epochOf(clock.now())
  const { publicKey } = identity.contactsMailbox(epoch)
  const name = toBase64url(identity.senderName(epoch, from.peer))
  const lists = await Promise.all(
    relays.map(({ store }) => store.list(publicKey, 0, 100, clock.now())),
  )
  return lists.flat().filter(({ sender }) => sender !== null && toBase64url(sender) === name).length
}

const published = (): Promise<void> => comes(() => bundles(ben))

/** Relays have all that is owed to anybody. */
const told = (who: Person): Promise<void> =>
  comes(async () => (await who.db.owed.toArray()).every(({ receipts }) => storesOf(receipts) > 1))

test('written to somebody asleep, read when the writer sleeps; both learn that it came', async () => {
  await befriend(network, anna, ben)
  await published()
  await sleep(ben)
  await anna.chat.send(ben.peer, 'good morning', 'one')
  await comes(async () => (await stateAt(anna, ben, 'good morning')) === 'stored')
  await anna.stop()

  ben = await awake(ben)
  await comes(async () => (await textsAt(ben, anna)).includes('good morning'))
  await told(ben)
  await ben.stop()

  anna = await awake(anna)
  await comes(async () => (await stateAt(anna, ben, 'good morning')) === 'delivered')
})

test('a request reaches somebody asleep, and its answer the one who asked', async () => {
  await comes(async () => (await bundles(anna)) && (await bundles(ben)))
  const code = await ben.code()
  await ben.stop()
  await anna.contacts.add(code)
  await told(anna)
  await anna.stop()

  ben = await awake(ben)
  const [request] = await requestsOf(ben)
  expect(request).toMatchObject({ peer: anna.peer, name: 'Anna' })
  await ben.contacts.accept(anna.peer)
  await ben.chat.send(anna.peer, 'so it is you', 'one')
  await comes(async () => (await stateAt(ben, anna, 'so it is you')) === 'stored')
  await told(ben)
  await ben.stop()

  anna = await awake(anna)
  await comes(async () => (await textsAt(anna, ben)).includes('so it is you'))
})

test('a request is left again for who sleeps longer than relays keep it, until it is answered', async () => {
  await comes(async () => (await bundles(anna)) && (await bundles(ben)))
  const code = await ben.code()
  await ben.stop()
  await anna.contacts.add(code)
  await told(anna)
  const laterMs = clock.now() + RECEIPT_LIFE_MS
  clock.advance(RECEIPT_LIFE_MS)
  await comes(async () =>
    (await anna.db.owed.toArray()).some(({ receipts }) =>
      receipts.some(({ atMs }) => atMs >= laterMs),
    ),
  )
  await told(anna)
  // What was left first is gone.
  const before = laterMs - RECEIPT_LIFE_MS + ITEM_LIFE_MS
  clock.advance(before - clock.now())
  ben = await awake(ben)
  await requestsOf(ben)
  await ben.contacts.accept(anna.peer)
  await comes(async () => (await anna.db.owed.count()) === 0)
})

test('who has slept since before an epoch ended is written to first by the keys they left', async () => {
  await published()
  const code = await ben.code()
  await sleep(ben)
  clock.advance(EPOCH_MS)
  await anna.contacts.add(code)
  await told(anna)
  await anna.stop()

  ben = await awake(ben)
  expect(await requestsOf(ben)).toMatchObject([{ peer: anna.peer, name: 'Anna' }])
})

test('who has moved to a relay that nobody was told of is found by their signpost', async () => {
  const [old, other] = relays as [MemoryRelay, MemoryRelay]
  const far = await MemoryRelay.of(4, clock)
  other.signposts = far.signposts
  let cleo = await person(network, clock, 'Cleo', [old])
  const dan = await person(network, clock, 'Dan', [other], [other, far])
  const code = await cleo.code()
  await cleo.stop()
  old.up = false
  cleo = await reopened(network, clock, cleo.db, [far])
  const { publicKey } = (await cleo.profile.identity())!.introductionMailbox(epochOf(clock.now()))
  await comes(() => far.signposts.has(publicKey))
  await cleo.stop()

  await dan.contacts.add(code)
  await comes(async () => (await far.store.list(publicKey, 0, 1, clock.now())).length > 0)
  await dan.stop()

  cleo = await reopened(network, clock, cleo.db, [far])
  const [request] = await requestsOf(cleo)
  expect(request).toMatchObject({ peer: dan.peer, name: 'Dan' })
  await cleo.stop()
})

test('what came over the channel is not taken again from a mailbox', async () => {
  await befriend(network, anna, ben)
  await published()
  await sleep(ben)
  // He does not reach the relays, and looks into no mailbox.
  ben = await reopened(network, clock, ben.db, relays, [])
  await anna.chat.send(ben.peer, 'twice', 'one')
  await comes(async () => (await waitingFor(ben, anna)) === 3)
  network.connect(anna.host, ben.host)
  await comes(async () => (await stateAt(anna, ben, 'twice')) === 'delivered')
  await ben.stop()
  ben = await awake(ben)
  await comes(async () => (await waitingFor(ben, anna)) === 0)
  expect(await textsAt(ben, anna)).toEqual(['twice'])
})

test('what one with another key has left in a mailbox waits until the key is compared', async () => {
  await befriend(network, anna, ben)
  await published()
  await sleep(ben)
  await anna.chat.send(ben.peer, 'before the doubt', 'one')
  await comes(async () => (await stateAt(anna, ben, 'before the doubt')) === 'stored')
  await ben.db.contacts.update(anna.peer, { offeredCommitment: new Uint8Array(32) })
  ben = await awake(ben)
  clock.advance(VISIT_AFTER_MS.most)
  await settled(50)
  expect(await textsAt(ben, anna)).toEqual([])
  expect(await waitingFor(ben, anna)).toBeGreaterThan(0)

  await ben.contacts.verify(anna.peer, (await anna.contacts.safety(ben.peer))!.code)
  await comes(async () => (await textsAt(ben, anna)).includes('before the doubt'))
})

test('a relay that does not answer when it is looked for is asked again', async () => {
  const relay = await MemoryRelay.of(4, clock)
  relay.up = false
  const cleo = await person(network, clock, 'Cleo', [relay])
  await settled(50)
  expect(await keepersOf(cleo)).toEqual([])
  relay.up = true
  await comes(async () => (await keepersOf(cleo)).includes(relay.address))
  await cleo.stop()
})

test('mailboxes are with other operators where there are, and with the same rather than nowhere', async () => {
  const hosts = ['a.one.example', 'b.one.example', 'c.one.example', 'd.one.example', 'two.other']
  const offered = await Promise.all(
    hosts.map((host, at) => MemoryRelay.of(10 + at, clock, { host })),
  )
  const cleo = await person(network, clock, 'Cleo', offered)
  await comes(async () => (await keepersOf(cleo)).length >= 3)
  expect((await keepersOf(cleo)).sort()).toEqual(['a.one.example', 'b.one.example', 'two.other'])
  await cleo.stop()
})

test('of two mailboxes with one operator, one goes once a relay of another is known', async () => {
  const hosts = ['a.one.example', 'b.one.example', 'c.one.example', 'two.other', 'three.other']
  const all = await Promise.all(hosts.map((host, at) => MemoryRelay.of(20 + at, clock, { host })))
  const cleo = await person(network, clock, 'Cleo', all.slice(0, 3), all)
  await comes(async () => (await keepersOf(cleo)).length === 3)
  cleo.host.network.reserved = all.map(({ address }) => address)
  cleo.host.network.changed()
  const one = ['a.one.example', 'three.other', 'two.other']
  await comes(async () => (await keepersOf(cleo)).sort().join() === one.join())
  await cleo.stop()
})

test('of two relays with one store, one keeps mailboxes', async () => {
  const [one, same, other] = await Promise.all([
    MemoryRelay.of(4, clock),
    MemoryRelay.of(5, clock, { host: 'same.example', storeNumber: 4 }),
    MemoryRelay.of(6, clock),
  ])
  const cleo = await person(network, clock, 'Cleo', [one, same, other])
  await comes(async () => (await keepersOf(cleo)).includes(other.address))
  expect((await keepersOf(cleo)).toSorted()).toEqual([one.address, other.address].toSorted())
  await cleo.stop()
})

test('with one relay of three gone it is stored at two, and at the third when that is back', async () => {
  await befriend(network, anna, ben)
  await published()
  await sleep(ben)
  relays[1]!.up = false
  await anna.chat.send(ben.peer, 'two will do', 'one')
  await comes(async () => (await stateAt(anna, ben, 'two will do')) === 'stored')
  expect(await receiptsOf(anna)).not.toContain(relays[1]!.address)
  relays[1]!.up = true
  await comes(async () => (await receiptsOf(anna)).length === 3)
})

test('with two relays gone it is not called stored', async () => {
  await befriend(network, anna, ben)
  await published()
  await sleep(ben)
  relays[0]!.up = false
  relays[1]!.up = false
  await anna.chat.send(ben.peer, 'one will not', 'one')
  await comes(async () => (await receiptsOf(anna)).length === 1)
  expect(await stateAt(anna, ben, 'one will not')).toBe('queued')
})

test('a relay that loses what it gave a receipt for is replaced', async () => {
  const spare = await MemoryRelay.of(4, clock)
  relays.push(spare)
  await ben.stop()
  ben = await awake(ben)
  await comes(async () => (await keepersOf(ben)).length === 3)
  const [lossy] = relays.filter(({ address }) => address !== spare.address)
  lossy!.store.loses = true
  await comes(async () => (await keepersOf(ben)).includes(spare.address))
  expect(await keepersOf(ben)).not.toContain(lossy!.address)
})

test('a relay that changes items is replaced, and nothing of it is shown', async () => {
  await befriend(network, anna, ben)
  await published()
  await sleep(ben)
  await anna.chat.send(ben.peer, 'as I wrote it', 'one')
  await comes(async () => (await stateAt(anna, ben, 'as I wrote it')) === 'stored')
  relays[0]!.store.changes = true
  ben = await awake(ben)
  await comes(async () => (await textsAt(ben, anna)).includes('as I wrote it'))
  await comes(async () => !(await keepersOf(ben)).includes(relays[0]!.address))
})

test('what relays keep and nobody can open any more is not called stored', async () => {
  await befriend(network, anna, ben)
  await comes(async () => (await bundles(anna)) && (await bundles(ben)))
  // Then what Anna seals does not begin a session any more, and opens with no prekey.
  await anna.chat.send(ben.peer, 'a question', 'question')
  await comes(async () => (await textsAt(ben, anna)).includes('a question'))
  await ben.chat.send(anna.peer, 'an answer', 'answer')
  await comes(async () => (await textsAt(anna, ben)).includes('an answer'))
  await sleep(ben)
  await anna.chat.send(ben.peer, 'good night', 'one')
  await comes(async () => (await stateAt(anna, ben, 'good night')) === 'stored')
  const id = (await anna.db.outbox.toArray()).find(({ intent }) => intent === 'one')!.id
  const progress = () => until(anna.chat.watchProgress(ben.peer, id))
  expect((await progress()).storedAtMs).not.toBeNull()
  await anna.stop()
  await ben.db.sessions.clear()
  ben = await awake(ben)
  await comes(async () => (await waitingFor(anna, ben)) > 0)
  await told(ben)
  await ben.stop()
  for (const { store } of relays) store.full = true

  anna = await awake(anna)
  await comes(async () => (await stateAt(anna, ben, 'good night')) === 'queued')
  expect((await progress()).storedAtMs).toBeNull()

  for (const { store } of relays) store.full = false
  await comes(async () => (await stateAt(anna, ben, 'good night')) === 'stored')
  expect((await progress()).storedAtMs).not.toBeNull()
})

test('keys lost twice within half an hour are told of twice', async () => {
  await befriend(network, anna, ben)
  await comes(async () => (await bundles(anna)) && (await bundles(ben)))
  // Then what Anna seals does not begin a session any more, and opens with no prekey.
  await anna.chat.send(ben.peer, 'a question', 'question')
  await comes(async () => (await textsAt(ben, anna)).includes('a question'))
  await ben.chat.send(anna.peer, 'an answer', 'answer')
  await comes(async () => (await textsAt(anna, ben)).includes('an answer'))
  network.disconnect(anna.host, ben.host)
  for (const text of ['once', 'twice']) {
    await ben.db.sessions.clear()
    await anna.chat.send(ben.peer, text, text)
    await comes(async () => (await stateAt(anna, ben, text)) === 'stored')
    if (text === 'twice') {
      for (let each = 0; each < 10; each += 1) {
        clock.advance(30_000)
        await settled(50)
      }
      expect(await textsAt(ben, anna)).not.toContain(text)
      expect(await waitingFor(ben, anna)).toBeGreaterThan(0)
      clock.advance(30 * 60_000)
      ben.chat.mailboxes.wake()
    }
    await comes(async () => (await stateAt(anna, ben, text)) === 'delivered')
    await told(ben)
  }
})

test('after deleting the history, what was written before it does not come back from mailboxes', async () => {
  await befriend(network, anna, ben)
  await published()
  await sleep(ben)
  await anna.chat.send(ben.peer, 'forget this', 'one')
  await comes(async () => (await stateAt(anna, ben, 'forget this')) === 'stored')
  await anna.chat.deleteHistory(ben.peer)
  await anna.chat.send(ben.peer, 'a new page', 'two')
  await comes(async () => (await stateAt(anna, ben, 'a new page')) === 'stored')
  ben = await awake(ben)
  await comes(async () => (await textsAt(ben, anna)).includes('a new page'))
})

test('what they sleep too long for is put at relays again before it is gone there', async () => {
  await befriend(network, anna, ben)
  await published()
  await sleep(ben)
  await anna.chat.send(ben.peer, 'sleep well', 'one')
  await comes(async () => (await receiptsOf(anna)).length === relays.length)
  const laterMs = clock.now() + RECEIPT_LIFE_MS
  clock.advance(RECEIPT_LIFE_MS)
  await comes(async () => {
    const [row] = await anna.db.outbox.toArray()
    const again = row!.receipts.filter(({ atMs }) => atMs >= laterMs)
    return again.length === relays.length
  })
})

test('what both have slept too long for is sealed for keys that are there', async () => {
  await befriend(network, anna, ben)
  await anna.stop()
  await sleep(ben)
  // Passes have run out: what is put with work says who has sealed it only to who has the keys for it.
  clock.sleep(PLACE_PASSES * EPOCH_MS)
  ben = await awake(ben)
  await published()
  await ben.stop()
  anna = await awake(anna)
  await anna.chat.send(ben.peer, 'see you', 'one')
  await comes(async () => (await stateAt(anna, ben, 'see you')) === 'stored')
  await anna.stop()

  // Ben's keys of then are forgotten, with what was put.
  clock.sleep(RETENTION_MS)
  ben = await awake(ben)
  await published()
  anna = await awake(anna)
  await comes(async () => (await textsAt(ben, anna)).includes('see you'))
})

test('what waits is stored however much it is', async () => {
  await befriend(network, anna, ben)
  await published()
  await sleep(ben)
  for (let number = 1; number <= 70; number++) {
    await anna.chat.send(ben.peer, `message ${number}`, `intent ${number}`)
  }
  await comes(async () => (await stateAt(anna, ben, 'message 70')) === 'stored')
  await settled(20)
  await comes(async () => (await receiptsOf(anna)).length === 70 * relays.length)
})
