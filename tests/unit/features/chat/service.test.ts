import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  MAX_MUTE_MS,
  MAX_PREVIEW_CHARS,
  MAX_TEXT_BYTES,
  MAX_WINDOW_SIDE,
  type Conversation,
  type TimelinePage,
  type TimelineWindow,
} from '#lib/features/chat/api.ts'
import {
  BlockedError,
  EmptyTextError,
  StorageFullError,
  TextTooLongError,
  UnknownConversationError,
} from '#lib/features/chat/errors.ts'
import { payloadCodec } from '#lib/features/chat/protocol.ts'
import { encodeEnvelope, messageId } from '#lib/delivery/envelope.ts'
import { LimitExceededError } from '#lib/protocol/errors.ts'
import type { ChainId, MessageId, PeerIdString } from '#lib/protocol/ids.ts'
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
  window: TimelineWindow = { around: 'end', before: 100, after: 0 },
): Promise<TimelinePage> {
  return until(of.chat.watchTimeline(id, window), holds)
}

const texts = ({ items }: TimelinePage): string[] =>
  items.map((item) => {
    if (item.type === 'gap') return `gap of ${item.count}`
    return item.type === 'message' ? item.text : `last ${item.afterMs} ms`
  })

const states = ({ items }: TimelinePage): (string | null)[] =>
  items.map((item) => (item.type === 'message' ? item.state : item.type))

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
  expect(received.items[0]).toMatchObject({
    id: first,
    mine: false,
    text: 'Привет!',
    state: null,
    unread: true,
  })
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

test('a disk that is full for a while does not shut out who became a contact meanwhile', async () => {
  const full = (): never => {
    throw new DOMException('full', 'QuotaExceededError')
  }
  anna.db.conversations.hook('creating', full)
  await befriend(network, anna, ben)
  await settled(20)
  anna.db.conversations.hook('creating').unsubscribe(full)
  await say(ben, anna.peer, 'can you hear me?')
  await timeline(anna, ben.peer, (page) => texts(page).includes('can you hear me?'))
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

test('a mute holds for its time, also over a restart, or until it is ended', async () => {
  await befriend(network, anna, ben)
  const muteOf = async () => (await conversation(anna, ben.peer)).mute
  await anna.chat.mute(ben.peer, 60_000)
  expect(await muteOf()).toBe(clock.now() + 60_000)
  clock.advance(59_999)
  await anna.stop()
  anna = await reopened(network, clock, anna.db)
  expect(await muteOf()).not.toBeNull()
  const watching = conversation(anna, ben.peer, ({ mute }) => mute === null)
  await settled(20)
  clock.advance(1)
  await watching

  await anna.chat.mute(ben.peer, 'forever')
  clock.advance(MAX_MUTE_MS)
  expect(await muteOf()).toBe('forever')
  await anna.chat.mute(ben.peer, null)
  expect(await muteOf()).toBeNull()
})

test('a mute is for a week at most', async () => {
  await befriend(network, anna, ben)
  await anna.chat.mute(ben.peer, MAX_MUTE_MS)
  for (const forMs of [MAX_MUTE_MS + 1, 0, NaN]) {
    await expect(anna.chat.mute(ben.peer, forMs)).rejects.toThrow(LimitExceededError)
  }
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
  const fromUnread = { around: 'unread', before: 1, after: 0 } as const
  expect((await timeline(ben, anna.peer, () => true, fromUnread)).items).toMatchObject([
    { id: ids[1], unread: false },
    { id: ids[2], unread: true },
  ])
  const elsewhere = { around: ids[0]!, before: 0, after: 0 }
  const { items, firstUnread } = await timeline(ben, anna.peer, () => true, elsewhere)
  expect([items.length, firstUnread]).toEqual([1, ids[2]])
  const page = await timeline(anna, ben.peer, (each) => states(each)[1] === 'read')
  expect(states(page)).toEqual(['read', 'read', 'delivered'])
})

describe('a window on a timeline', () => {
  const ids: MessageId[] = []
  beforeEach(async () => {
    ids.length = 0
    for (let index = 0; index < 7; index += 1) ids.push(await say(anna, anna.peer, String(index)))
  })
  const seen = async (window: TimelineWindow) => {
    const page = await timeline(anna, anna.peer, () => true, window)
    return [texts(page).join(''), page.hasOlder, page.hasNewer]
  }

  test('stands at the end, or at any message', async () => {
    expect(await seen({ around: 'end', before: 3, after: 3 })).toEqual(['456', true, false])
    expect(await seen({ around: ids[3]!, before: 1, after: 2 })).toEqual(['2345', true, true])
    expect(await seen({ around: ids[0]!, before: 1, after: 0 })).toEqual(['0', false, true])
    expect(await seen({ around: ids[6]!, before: 6, after: 9 })).toEqual(['0123456', false, false])
  })

  test('stands at the end where nothing is unread, or for a message of another conversation', async () => {
    const end = ['56', true, false]
    expect(await seen({ around: 'unread', before: 2, after: 2 })).toEqual(end)
    await befriend(network, anna, ben)
    const elsewhere = await say(anna, ben.peer, 'elsewhere')
    expect(await seen({ around: elsewhere, before: 2, after: 2 })).toEqual(end)
  })

  test('is bounded, whatever is asked for', async () => {
    expect(await seen({ around: ids[1]!, before: -1, after: NaN })).toEqual(['1', true, true])
    expect(await seen({ around: 'end', before: Infinity, after: 0 })).toEqual([
      '0123456',
      false,
      false,
    ])
  })

  test('has as many messages on either side as allowed', async () => {
    while (ids.length < 2 * MAX_WINDOW_SIDE + 3) ids.push(await say(anna, anna.peer, '.'))
    const around = ids[MAX_WINDOW_SIDE + 1]!
    const window = { around, before: MAX_WINDOW_SIDE + 1, after: MAX_WINDOW_SIDE + 1 }
    const page = await timeline(anna, anna.peer, () => true, window)
    expect(page.items.map(({ id }) => id)).toEqual(ids.slice(1, -1))
    expect([page.hasOlder, page.hasNewer]).toEqual([true, true])
  })

  test('follows the end, and stays where it is elsewhere', async () => {
    const there = anna.chat.watchTimeline(anna.peer, { around: ids[5]!, before: 1, after: 2 })
    const pages = there[Symbol.asyncIterator]()
    expect(texts((await pages.next()).value as TimelinePage)).toEqual(['4', '5', '6'])
    await say(anna, anna.peer, '7')
    const next = (await pages.next()).value as TimelinePage
    expect(texts(next)).toEqual(['4', '5', '6', '7'])
    expect(next.hasNewer).toBe(false)
    await pages.return?.()
    expect(await seen({ around: 'end', before: 2, after: 0 })).toEqual(['67', true, false])
  })
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

  test('with the history leaves nothing of what they are just sending', async () => {
    network.disconnect(anna.host, ben.host)
    for (let count = 0; count < 20; count += 1) await say(ben, anna.peer, `burst ${count}`)
    network.connect(anna.host, ben.host)
    await timeline(anna, ben.peer, ({ items }) => items.length > 1)
    await anna.contacts.remove(ben.peer, 'delete')
    await settled(50)
    expect(await anna.db.messages.count()).toBe(0)
    expect(await anna.db.conversations.get(ben.peer)).toBeUndefined()
  })
})

test('search ignores case and marks on letters, also of Cyrillic ones, and gives the newest first', async () => {
  for (const text of [
    'Встреча в шесть',
    'other',
    'встреча отменена',
    'STRASSE',
    '100%',
    'Белозёров',
    'Chloë',
  ]) {
    clock.advance(1)
    await say(anna, anna.peer, text)
  }
  const found = async (query: string) => (await anna.chat.search(query)).map(({ text }) => text)
  expect(await found('ВСТРЕЧА')).toEqual(['встреча отменена', 'Встреча в шесть'])
  expect(await found(' strasse ')).toEqual(['STRASSE'])
  expect(await found('белозеров')).toEqual(['Белозёров'])
  expect(await found('chloe')).toEqual(['Chloë'])
  expect(await found('%')).toEqual(['100%'])
  expect(await found('nothing like it')).toEqual([])
  expect(await found('  ')).toEqual([])
})

test('a long text is cut in the list of conversations, and only there', async () => {
  const long = '🙂'.repeat(MAX_PREVIEW_CHARS)
  await say(anna, anna.peer, `x${long}`)
  const { last } = await conversation(anna, anna.peer)
  expect(last?.text.length).toBeLessThanOrEqual(MAX_PREVIEW_CHARS)
  expect(last?.text.isWellFormed()).toBe(true)
  expect(texts(await timeline(anna, anna.peer))).toEqual([`x${long}`])
})

test('a search that is not wanted any more ends', async () => {
  await say(anna, anna.peer, 'anything')
  const unwanted = new AbortController()
  const found = anna.chat.search('anything', { signal: unwanted.signal })
  unwanted.abort()
  await expect(found).rejects.toThrow('aborted')
})

test('a search finds all of the same moment, each once', async () => {
  const many = Array.from({ length: 1_200 }, (_, index) => index)
  await anna.db.messages.bulkAdd(
    many.map((index) => ({
      id: `${index}` as MessageId,
      conversation: anna.peer,
      chain: 'chain' as ChainId,
      sequence: index,
      clock: index,
      mine: true,
      text: index % 30 === 0 ? 'needle' : 'hay',
      sentAtMs: 0,
      receivedAtMs: 0,
    })),
  )
  const hits = await anna.chat.search('needle')
  expect(new Set(hits.map(({ message }) => message)).size).toBe(40)
  expect(hits).toHaveLength(40)
})

test('a search gives at most 50', async () => {
  for (let index = 0; index < 51; index += 1) await say(anna, anna.peer, `note ${index}`)
  expect(await anna.chat.search('note')).toHaveLength(50)
})
