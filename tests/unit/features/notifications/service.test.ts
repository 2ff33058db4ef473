import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Conversation } from '#lib/features/chat/api.ts'
import type { ContactRequest } from '#lib/features/contacts/api.ts'
import type { Notices } from '#lib/features/notifications/api.ts'
import { NotificationsService } from '#lib/features/notifications/service.ts'
import { DEFAULT_SETTINGS } from '#lib/features/settings/store.ts'
import type { NotificationDetail, Settings } from '#lib/features/settings/api.ts'
import type { MessageId, PeerIdString } from '#lib/protocol/ids.ts'
import { settled, silentLogger } from '../../../fixtures/fake-network.ts'

/** A watched state that a test sets. */
class State<T> {
  #value: T
  #changed = Promise.withResolvers<undefined>()

  constructor(value: T) {
    this.#value = value
  }

  set(value: T): Promise<void> {
    this.#value = value
    this.#changed.resolve(undefined)
    this.#changed = Promise.withResolvers()
    return settled()
  }

  async *watch(signal?: AbortSignal): AsyncIterable<T> {
    const ended = new Promise((resolve) => signal?.addEventListener('abort', resolve))
    while (signal?.aborted !== true) {
      const changed = this.#changed.promise
      yield this.#value
      await Promise.race([changed, ended])
    }
  }
}

const ANNA = 'anna' as PeerIdString
const BEN = 'ben' as PeerIdString

function conversation(id: PeerIdString, over: Partial<Conversation> = {}): Conversation {
  const last = {
    id: 'x' as MessageId,
    text: 'hello',
    attachment: null,
    deleted: false,
    mine: false,
    sentAtMs: 0,
    state: null,
  }
  const flags = { draft: '', pinned: false, archived: false, disappearing: 0 as const, mute: null }
  return { id, name: id, kind: 'contact', last, unread: 0, ...flags, ...over }
}

const request = (id: string): ContactRequest => ({
  peer: id as PeerIdString,
  name: id,
  sharesName: false,
  safetyWords: [],
  receivedAtMs: 0,
})

let chats: State<Conversation[]>
let requests: State<ContactRequest[]>
let settings: State<Settings>
let service: NotificationsService
let open: AbortController[]

beforeEach(async () => {
  open = []
  chats = new State([conversation(ANNA, { unread: 3 }), conversation(BEN)])
  requests = new State([request('carol')])
  settings = new State(chosen('text'))
  service = new NotificationsService({
    chat: { watchConversations: (options) => chats.watch(options?.signal) },
    contacts: { watchRequests: (options) => requests.watch(options?.signal) },
    settings: { watchSettings: (options) => settings.watch(options?.signal) },
    logger: silentLogger,
  })
  service.start()
  await settled()
})

afterEach(async () => {
  for (const tab of open) tab.abort()
  await service.stop()
})

function chosen(notifications: NotificationDetail): Settings {
  return { ...DEFAULT_SETTINGS, notifications }
}

/** What a tab was told, as it goes on being told. */
async function tab(focused = false) {
  const told: Notices[] = []
  const left = new AbortController()
  open.push(left)
  const follow = async () => {
    for await (const notices of service.notices(focused, { signal: left.signal })) {
      told.push(notices)
    }
  }
  const ended = follow()
  await settled()
  return {
    told,
    fresh: () => told.flatMap(({ fresh }) => fresh),
    open: () => told.at(-1)?.open,
    ended,
    async leave() {
      left.abort()
      await ended
    },
  }
}

test('a message is told once, with its words; what was unread before is not', async () => {
  const one = await tab()
  expect(one.fresh()).toEqual([])
  expect(one.open()).toEqual([ANNA, 'requests'])
  await chats.set([conversation(ANNA, { unread: 3 }), conversation(BEN, { unread: 1 })])
  expect(one.fresh()).toEqual([{ about: BEN, name: BEN, text: 'hello', file: null, count: 1 }])
  await chats.set([conversation(ANNA, { unread: 3 }), conversation(BEN, { unread: 1 })])
  expect(one.fresh()).toHaveLength(1)
})

test('the words stay out when only names are wanted, and when the last ones are mine', async () => {
  const one = await tab()
  await settings.set(chosen('name'))
  await chats.set([conversation(BEN, { unread: 1 })])
  await settings.set(chosen('text'))
  const last = { ...conversation(BEN).last!, mine: true }
  await chats.set([conversation(BEN, { unread: 2, last })])
  expect(one.fresh().map(({ text }) => text)).toEqual([null, null])
})

test('nothing is told when none are wanted, of muted chats, and while a tab is looked at', async () => {
  const one = await tab()
  await settings.set(chosen('off'))
  await chats.set([conversation(BEN, { unread: 1 })])
  await settings.set(chosen('text'))
  await chats.set([conversation(BEN, { unread: 2, mute: 'forever' })])
  expect(one.open()).not.toContain(BEN)
  const focused = await tab(true)
  await chats.set([conversation(BEN, { unread: 3 })])
  expect([...one.fresh(), ...focused.fresh()]).toEqual([])
  await focused.leave()
  await chats.set([conversation(BEN, { unread: 4 })])
  expect(one.fresh()).toHaveLength(1)
})

test('only the tab used last is told, and the next one when it goes', async () => {
  const first = await tab()
  const second = await tab()
  await chats.set([conversation(BEN, { unread: 1 })])
  expect([first.fresh().length, second.fresh().length]).toEqual([0, 1])
  await second.leave()
  await chats.set([conversation(BEN, { unread: 2 })])
  expect([first.fresh().length, second.fresh().length]).toEqual([1, 1])
})

test('what comes while no tab asks is told to the next, unless it was seen to by then', async () => {
  await chats.set([conversation(ANNA, { unread: 4 }), conversation(BEN, { unread: 1 })])
  await chats.set([conversation(ANNA), conversation(BEN, { unread: 1 })])
  const one = await tab()
  expect(one.fresh().map(({ about }) => about)).toEqual([BEN])
  expect(one.open()).toEqual([BEN, 'requests'])
})

test('what was read is no longer open', async () => {
  const one = await tab()
  await chats.set([conversation(ANNA), conversation(BEN)])
  await requests.set([])
  expect(one.open()).toEqual([])
})

test('what was deleted by who wrote it does not stay on the screen', async () => {
  const one = await tab()
  await chats.set([conversation(BEN, { unread: 1 })])
  expect(one.open()).toContain(BEN)
  const last = { ...conversation(BEN).last!, deleted: true, text: '' }
  await chats.set([conversation(BEN, { unread: 1, last })])
  expect(one.open()).not.toContain(BEN)
})

test('requests are told together, under the name of the newest', async () => {
  const one = await tab()
  await requests.set([request('dora'), request('carol')])
  await requests.set([request('carol')])
  expect(one.fresh()).toEqual([
    { about: 'requests', name: 'dora', text: null, file: null, count: 2 },
  ])
})

test('at the end every tab is let go', async () => {
  const tabs = [await tab(), await tab()]
  await service.stop()
  await Promise.all(tabs.map(({ ended }) => ended))
})

test('a file is told of beside its words, unless words are not to be told', async () => {
  const one = await tab()
  const file = { kind: 'file', name: 'map.pdf' } as const
  const last = { ...conversation(BEN).last!, text: '', attachment: file }
  await chats.set([conversation(BEN, { unread: 1, last })])
  expect(one.fresh()).toMatchObject([{ about: BEN, text: '', file }])
  await settings.set(chosen('name'))
  await chats.set([conversation(BEN, { unread: 2, last })])
  expect(one.fresh().at(-1)).toMatchObject({ about: BEN, text: null, file: null })
})
