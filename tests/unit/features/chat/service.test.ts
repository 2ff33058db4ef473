import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { MAX_TEXT_BYTES, type Conversation, type TimelinePage } from '#lib/features/chat/api.ts'
import {
  BlockedError,
  EmptyTextError,
  StorageFullError,
  TextTooLongError,
  UnknownConversationError,
} from '#lib/features/chat/errors.ts'
import { payloadCodec } from '#lib/features/chat/protocol.ts'
import { encodeEnvelope, messageId } from '#lib/delivery/envelope.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { FakeNetwork, settled } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { befriend, person, reopened, type Person } from '../../../fixtures/person.ts'
import { signerOf } from '../../../fixtures/signers.ts'
import { until } from '../../../fixtures/until.ts'

let clock: ManualClock
let network: FakeNetwork
let anna: Person
let ben: Person
let intents = 0

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

const say = (from: Person, to: PeerIdString, text: string) =>
  from.chat.send(to, text, `intent ${(intents += 1)}`)

function timeline(
  of: Person,
  id: PeerIdString,
  holds: (page: TimelinePage) => boolean = () => true,
  limit = 100,
): Promise<TimelinePage> {
  return until(of.chat.watchTimeline(id, limit), holds)
}

const texts = ({ items }: TimelinePage): string[] =>
  items.map((item) => (item.type === 'gap' ? `gap of ${item.count}` : item.text))

const states = ({ items }: TimelinePage): (string | null)[] =>
  items.map((item) => (item.type === 'gap' ? 'gap' : item.state))

function conversation(
  of: Person,
  id: PeerIdString,
  holds: (conversation: Conversation) => boolean = () => true,
): Promise<Conversation> {
  return until(of.chat.watchConversations(), (list) =>
    list.some((each) => each.id === id && holds(each)),
  ).then((list) => list.find((each) => each.id === id)!)
}

test('messages go both ways, and say truly whether they were delivered and read', async () => {
  await befriend(network, anna, ben)
  const first = await say(anna, ben.peer, 'Привет!')
  await timeline(anna, ben.peer, (page) => states(page).includes('delivered'))
  const received = await timeline(ben, anna.peer, ({ items }) => items.length === 1)
  expect(received.items[0]).toMatchObject({ id: first, mine: false, text: 'Привет!', state: null })
  expect(received.firstUnread).toBe(first)
  expect((await conversation(ben, anna.peer)).unread).toBe(1)

  await ben.chat.markRead(anna.peer, first)
  await timeline(anna, ben.peer, (page) => states(page).includes('read'))
  expect((await conversation(ben, anna.peer, ({ unread }) => unread === 0)).last).toMatchObject({
    text: 'Привет!',
    mine: false,
  })

  await say(ben, anna.peer, 'hello')
  const page = await timeline(anna, ben.peer, ({ items }) => items.length === 2)
  expect(texts(page)).toEqual(['Привет!', 'hello'])
})

test('what is written to somebody who has not accepted yet goes out once they have', async () => {
  await anna.contacts.add(await ben.code())
  network.connect(anna.host, ben.host)
  await until(ben.contacts.watchRequests(), (list) => list.length > 0)
  await say(anna, ben.peer, 'it is me')
  expect(states(await timeline(anna, ben.peer))).toEqual(['queued'])
  await ben.contacts.accept(anna.peer)
  await timeline(ben, anna.peer, (page) => texts(page).includes('it is me'))
  await timeline(anna, ben.peer, (page) => states(page).includes('delivered'))
})

test('what was written while apart, before a restart, arrives without anyone acting', async () => {
  await befriend(network, anna, ben)
  network.disconnect(anna.host, ben.host)
  await say(anna, ben.peer, 'one')
  await say(ben, anna.peer, 'eins')
  await anna.stop()
  anna = await reopened(network, clock, anna.db)
  expect(states(await timeline(anna, ben.peer))).toEqual(['queued'])
  network.connect(anna.host, ben.host)
  const atAnna = await timeline(anna, ben.peer, ({ items }) => items.length === 2)
  const atBen = await timeline(ben, anna.peer, ({ items }) => items.length === 2)
  expect(texts(atAnna)).toEqual(texts(atBen))
  await timeline(anna, ben.peer, (page) => states(page).includes('delivered'))
})

test('notes to self are there from the first moment on', async () => {
  const empty = await conversation(anna, anna.peer)
  expect(empty).toMatchObject({ kind: 'notes', name: '', last: null, unread: 0 })
  await say(anna, anna.peer, 'buy milk')
  const page = await timeline(anna, anna.peer, ({ items }) => items.length === 1)
  expect(page.items[0]).toMatchObject({ mine: true, text: 'buy milk', state: 'read' })
})

test('the same intent sent again is the same message', async () => {
  const [one, two] = await Promise.all([
    anna.chat.send(anna.peer, 'once', 'same'),
    anna.chat.send(anna.peer, 'once', 'same'),
  ])
  expect(one).toBe(two)
  expect(texts(await timeline(anna, anna.peer))).toEqual(['once'])
})

describe('a text', () => {
  test.each(['', ' \n\t '])('of nothing is refused: %j', async (text) => {
    await expect(say(anna, anna.peer, text)).rejects.toThrow(EmptyTextError)
  })

  test('of 16 KiB is sent, one byte more is not', async () => {
    await befriend(network, anna, ben)
    const longest = 'я'.repeat(MAX_TEXT_BYTES / 2)
    await say(anna, ben.peer, longest)
    await expect(say(anna, ben.peer, `${longest}x`)).rejects.toThrow(TextTooLongError)
    await timeline(ben, anna.peer, (page) => texts(page)[0] === longest)
  })

  test('to a stranger or to somebody blocked is refused', async () => {
    const stranger = (await signerOf(77)).peer
    await expect(say(anna, stranger, 'hi')).rejects.toThrow(UnknownConversationError)
    await befriend(network, anna, ben)
    await conversation(anna, ben.peer)
    await anna.contacts.block(ben.peer)
    await until(anna.contacts.watchContacts(), ([each]) => each?.state === 'blocked')
    await settled()
    await expect(say(anna, ben.peer, 'hi')).rejects.toThrow(BlockedError)
  })

  test('is not lost from the composer when there is no room for it', async () => {
    await anna.chat.saveDraft(anna.peer, 'precious')
    anna.db.messages.hook('creating', () => {
      throw new DOMException('full', 'QuotaExceededError')
    })
    await expect(say(anna, anna.peer, 'precious')).rejects.toThrow(StorageFullError)
    expect((await conversation(anna, anna.peer)).draft).toBe('precious')
    expect(await timeline(anna, anna.peer)).toMatchObject({ items: [] })
  })
})

test('nobody who is not a contact of mine gets a word in or out', async () => {
  await befriend(network, anna, ben)
  await ben.contacts.remove(anna.peer, 'keep')
  network.connect(anna.host, ben.host)
  await say(anna, ben.peer, 'are you there?')
  await settled(20)
  expect(states(await timeline(anna, ben.peer))).toEqual(['queued'])
  expect((await timeline(ben, anna.peer)).items).toEqual([])
})

test('a draft is kept, and cleared by sending', async () => {
  await anna.chat.saveDraft(anna.peer, 'half a thou')
  expect((await conversation(anna, anna.peer)).draft).toBe('half a thou')
  await say(anna, anna.peer, 'half a thought')
  expect((await conversation(anna, anna.peer)).draft).toBe('')
})

test('an archived conversation comes back with a new message, a pinned one stays pinned', async () => {
  await befriend(network, anna, ben)
  await anna.chat.setArchived(ben.peer, true)
  await anna.chat.setPinned(ben.peer, true)
  await conversation(anna, ben.peer, ({ archived, pinned }) => archived && pinned)
  await say(ben, anna.peer, 'knock knock')
  await conversation(anna, ben.peer, ({ archived, pinned }) => !archived && pinned)
})

test('reading up to a message leaves those after it unread', async () => {
  await befriend(network, anna, ben)
  const ids = []
  for (const text of ['one', 'two', 'three']) ids.push(await say(anna, ben.peer, text))
  await conversation(ben, anna.peer, ({ unread }) => unread === 3)
  await ben.chat.markRead(anna.peer, ids[1]!)
  await conversation(ben, anna.peer, ({ unread }) => unread === 1)
  expect((await timeline(ben, anna.peer)).firstUnread).toBe(ids[2])
  const page = await timeline(anna, ben.peer, (each) => states(each)[1] === 'read')
  expect(states(page)).toEqual(['read', 'read', 'delivered'])
})

test('a timeline is a window that can be made longer', async () => {
  for (let index = 0; index < 5; index += 1) await say(anna, anna.peer, String(index))
  const page = await timeline(anna, anna.peer, () => true, 3)
  expect(texts(page)).toEqual(['2', '3', '4'])
  expect(page.hasOlder).toBe(true)
  expect((await timeline(anna, anna.peer, () => true, 5)).hasOlder).toBe(false)
})

test('messages behind a gap are shown behind it', async () => {
  await befriend(network, anna, ben)
  await say(ben, anna.peer, 'first')
  await timeline(anna, ben.peer, ({ items }) => items.length === 1)
  await anna.stop()
  const { chain } = (await anna.db.chains.get(ben.peer))!.theirs!
  const envelope = encodeEnvelope({
    chain,
    sequence: 4,
    previous: null,
    parent: null,
    clock: 4,
    sentAtMs: 0,
    payload: payloadCodec.encode({ type: 'text', text: 'fourth' }),
  })
  const id = messageId(ben.peer, anna.peer, envelope)
  await anna.db.early.put({ peer: ben.peer, chain, sequence: 4, id, envelope, receivedAtMs: 0 })
  network.disconnect(anna.host, ben.host)
  anna = await reopened(network, clock, anna.db)
  expect(texts(await timeline(anna, ben.peer))).toEqual(['first', 'gap of 2', 'fourth'])
})

describe('removing a contact', () => {
  beforeEach(async () => {
    await befriend(network, anna, ben)
    await say(ben, anna.peer, 'remember me')
    await timeline(anna, ben.peer, ({ items }) => items.length === 1)
  })

  test('may keep the history under their name', async () => {
    await anna.contacts.remove(ben.peer, 'keep')
    await until(anna.contacts.watchContacts(), (list) => list.length === 0)
    expect(await conversation(anna, ben.peer)).toMatchObject({ name: 'Ben' })
    expect(texts(await timeline(anna, ben.peer))).toEqual(['remember me'])
  })

  test('may delete it, and then nothing of it comes back', async () => {
    await anna.contacts.remove(ben.peer, 'delete')
    await until(anna.chat.watchConversations(), (list) => !list.some(({ id }) => id === ben.peer))
    expect(await anna.db.messages.count()).toBe(0)
    expect(await anna.db.outbox.count()).toBe(0)

    await anna.contacts.add(await ben.code())
    network.connect(anna.host, ben.host)
    await say(ben, anna.peer, 'new')
    const page = await timeline(anna, ben.peer, ({ items }) => items.length > 0)
    expect(texts(page)).toEqual(['new'])
    await say(anna, ben.peer, 'also new')
    await timeline(ben, anna.peer, (each) => texts(each).includes('also new'))
  })
})

test('search ignores case, also of Cyrillic letters, and gives the newest first', async () => {
  for (const text of ['Встреча в шесть', 'other', 'встреча отменена', 'STRASSE', '100%']) {
    clock.advance(1)
    await say(anna, anna.peer, text)
  }
  const found = async (query: string) => (await anna.chat.search(query)).map(({ text }) => text)
  expect(await found('ВСТРЕЧА')).toEqual(['встреча отменена', 'Встреча в шесть'])
  expect(await found(' strasse ')).toEqual(['STRASSE'])
  expect(await found('%')).toEqual(['100%'])
  expect(await found('nothing like it')).toEqual([])
  expect(await found('  ')).toEqual([])
})

test('a search gives at most 50', async () => {
  for (let index = 0; index < 51; index += 1) await say(anna, anna.peer, `note ${index}`)
  expect(await anna.chat.search('note')).toHaveLength(50)
})
