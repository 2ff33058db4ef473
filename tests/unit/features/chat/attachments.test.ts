import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import {
  MAX_CAPTION_BYTES,
  type Message,
  type MessagePlace,
  type Onward,
  type OutgoingFile,
} from '#lib/features/chat/api.ts'
import { COPIED_FOR_MS, PATIENCE_MS } from '#lib/features/transfers/awaited.ts'
import { TextTooLongError } from '#lib/features/chat/errors.ts'
import { COPIES, type CopiesRequest } from '#lib/protocol/copies.ts'
import { CHUNK_BYTES } from '#lib/content/manifest.ts'
import { SETTLE_MS } from '#lib/content/providers/copies.ts'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import type { MessageId, PeerIdString } from '#lib/protocol/ids.ts'
import { FakeNetwork, settled } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { befriend, person, reopened, type Person } from '../../../fixtures/person.ts'
import { until } from '../../../fixtures/until.ts'

const VOICE = { kind: 'voice', durationMs: 12_000, waveform: Uint8Array.of(0, 128, 255) } as const

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
  anna.host.peers.relays = ['relay.example']
  anna.host.network.changed()
  await befriend(network, anna, ben)
  await anna.choose({ copiesForAway: true })
})

afterEach(async () => {
  await anna.stop()
  await ben.stop()
})

function outgoing(content: string, over: Partial<OutgoingFile> = {}): OutgoingFile {
  const file = new Blob([content], { type: 'text/plain' })
  return { file, name: 'notes.txt', look: { kind: 'file' }, caption: '', ...over }
}

function send(from: Person, to: Person, file: OutgoingFile): Promise<MessageId> {
  return from.chat.sendFile(to.peer, file, `intent ${(intents += 1)}`)
}

async function messageAt(of: Person, place: MessagePlace): Promise<Message> {
  const window = { around: 'end' as const, before: 100, after: 0 }
  const page = await until(of.chat.watchTimeline(place.conversation, window), ({ items }) =>
    items.some(({ id }) => id === place.message),
  )
  return page.items.find(({ id }) => id === place.message) as Message
}

const at = (conversation: PeerIdString, message: MessageId): MessagePlace => ({
  conversation,
  message,
})

async function text(of: Person, place: MessagePlace): Promise<string> {
  await messageAt(of, place)
  for (;;) {
    const { state } = await until(of.chat.watchAttachment(place))
    if (state === 'here') break
    clock.advance(250)
    await settled()
  }
  const pieces: Uint8Array<ArrayBuffer>[] = []
  for await (const piece of of.chat.readAttachment(place)) pieces.push(piece)
  return new Blob(pieces).text()
}

/** What relays are asked about copies, by the type of the question; they take every copy, which `taken` people have got. */
function keepCopies(of: Person, { taken = 0 } = {}): string[] {
  const asked: string[] = []
  of.host.network.answers = (_relay, protocol, request) => {
    if (protocol !== COPIES.protocol) return Promise.reject(new Error('no answer'))
    const { type } = request as CopiesRequest
    asked.push(type)
    const kept = { type: 'keeping', untilMs: clock.now(), complete: true, taken }
    return Promise.resolve(type === 'keep' ? kept : { type: 'released' })
  }
  return asked
}

async function pass(ms: number): Promise<void> {
  clock.advance(ms)
  await settled(20)
}

async function onward(of: Person, place: MessagePlace): Promise<Onward | null> {
  await messageAt(of, place)
  return (await until(of.chat.watchAttachment(place))).onward
}

/** How many files are kept for messages. */
const kept = (of: Person): Promise<number> => of.db.transfers.count()

async function keeps(of: Person, count: number): Promise<void> {
  await of.chat.stop()
  expect(await kept(of)).toBe(count)
}

test('a file goes with a message, and comes by itself', async () => {
  const id = await send(anna, ben, outgoing('hello', { caption: 'for you' }))
  const came = await messageAt(ben, at(anna.peer, id))
  expect(came).toMatchObject({
    text: 'for you',
    attachment: { kind: 'file', name: 'notes.txt', mediaType: 'text/plain', bytes: 5 },
  })
  expect(JSON.stringify(came)).not.toContain('key')
  expect(await text(ben, at(anna.peer, id))).toBe('hello')
  expect(await text(anna, at(ben.peer, id))).toBe('hello')
})

test('a voice message says how long it is before it is here, also in lists', async () => {
  const id = await send(anna, ben, outgoing('…', { look: VOICE, name: 'voice.webm' }))
  expect((await messageAt(ben, at(anna.peer, id))).attachment).toMatchObject(VOICE)
  const list = await until(ben.chat.watchConversations(), (all) =>
    all.some(({ last }) => last?.id === id),
  )
  expect(list.find(({ last }) => last?.id === id)!.last!.attachment).toEqual({
    kind: 'voice',
    name: 'voice.webm',
    durationMs: 12_000,
  })
})

/** Whether what Ben was sent comes without him asking. */
async function comesUnasked(content: string): Promise<boolean> {
  const place = at(anna.peer, await send(anna, ben, outgoing(content)))
  await messageAt(ben, place)
  await pass(1_000)
  return (await until(ben.chat.watchAttachment(place))).state !== 'away'
}

test('what is larger than a person wants unasked waits until they ask', async () => {
  await ben.choose({ autoGet: { when: 'always', upToBytes: 5 } })
  await settled()
  expect(await comesUnasked('hello')).toBe(true)
  const place = at(anna.peer, await send(anna, ben, outgoing('hello!')))
  await messageAt(ben, place)
  await pass(1_000)
  expect(await until(ben.chat.watchAttachment(place))).toMatchObject({ state: 'away' })
  await ben.chat.getAttachment(place)
  expect(await text(ben, place)).toBe('hello!')
})

test.each([
  ['always', 'that costs', 'comes'],
  ['unmetered', 'that costs nothing', 'comes'],
  ['unmetered', 'that costs', 'waits'],
  ['never', 'that costs nothing', 'waits'],
] as const)(
  'for who wants files unasked: %s, on a network %s, one %s',
  async (when, where, what) => {
    ben.host.unmetered = where === 'that costs nothing'
    await ben.choose({ autoGet: { when, upToBytes: 1_000_000 } })
    await settled()
    expect(await comesUnasked('hello')).toBe(what === 'comes')
  },
)

test('what is forwarded is got from who forwarded it', async () => {
  const vera = await person(network, clock, 'Vera')
  await befriend(network, ben, vera)
  const id = await send(anna, ben, outgoing('hello', { caption: 'see' }))
  await text(ben, at(anna.peer, id))
  await anna.stop()
  const on = await ben.chat.forward(at(anna.peer, id), vera.peer, 'forwarding')
  expect(await messageAt(vera, at(ben.peer, on))).toMatchObject({ text: 'see', forwarded: true })
  expect(await text(vera, at(ben.peer, on))).toBe('hello')
  await vera.stop()
})

test('a deleted message takes its file along, unless another has it too', async () => {
  const id = await send(anna, ben, outgoing('hello'))
  await text(ben, at(anna.peer, id))
  const note = await ben.chat.forward(at(anna.peer, id), ben.peer, 'to myself')
  await ben.chat.deleteForMe(anna.peer, id)
  expect(await text(ben, at(ben.peer, note))).toBe('hello')
  await ben.chat.deleteForMe(ben.peer, note)
  await keeps(ben, 0)
})

test('taking a message back takes its file from both', async () => {
  const id = await send(anna, ben, outgoing('hello'))
  await text(ben, at(anna.peer, id))
  await anna.chat.deleteForBoth(ben.peer, id)
  await until(
    ben.chat.watchTimeline(anna.peer, { around: 'end', before: 9, after: 0 }),
    ({ items }) => items.some((item) => item.type === 'message' && item.deleted),
  )
  await keeps(anna, 0)
  await keeps(ben, 0)
})

test('a deleted conversation takes its files along', async () => {
  const id = await send(anna, ben, outgoing('hello'))
  await text(ben, at(anna.peer, id))
  await ben.chat.deleteHistory(anna.peer)
  await keeps(ben, 0)
})

test('what no message has after a crash goes at the next start', async () => {
  await anna.transfers.enclosures.enclose({ path: 'orphan', file: new Blob(['x']) })
  expect(await kept(anna)).toBe(1)
  await anna.stop()
  anna = await reopened(network, clock, anna.db)
  await keeps(anna, 0)
})

test('files of messages are not among the transfers', async () => {
  await send(anna, ben, outgoing('hello'))
  expect(await until(anna.transfers.watchTransfers())).toEqual([])
})

test('what is no picture, or says too much beside it, is refused before it is read', async () => {
  const flat = { kind: 'picture', width: 0, height: 1, thumbnail: new Uint8Array() } as const
  await expect(send(anna, ben, outgoing('x', { look: flat }))).rejects.toThrow(InvalidDataError)
  const long = 'x'.repeat(MAX_CAPTION_BYTES + 1)
  await expect(send(anna, ben, outgoing('x', { caption: long }))).rejects.toThrow(TextTooLongError)
  expect(await kept(anna)).toBe(0)
})

test('a relay keeps what somebody who is away was sent, until they have it', async () => {
  const asked = keepCopies(anna)
  network.disconnect(anna.host, ben.host)
  const id = await send(anna, ben, outgoing('hello'))
  const place = at(ben.peer, id)
  expect(await onward(anna, place)).toEqual({ state: 'asking' })
  const sentAtMs = clock.now()
  await pass(SETTLE_MS)
  expect(asked).toEqual(['keep'])
  expect(await onward(anna, place)).toEqual({ state: 'kept', untilMs: sentAtMs + COPIED_FOR_MS })

  network.connect(anna.host, ben.host)
  expect(await text(ben, at(anna.peer, id))).toBe('hello')
  await pass(SETTLE_MS)
  expect(asked.at(-1)).toBe('release')
  expect(await onward(anna, place)).toBeNull()
})

test('who is here is given time to get it before a relay is asked', async () => {
  await ben.choose({ autoGet: { when: 'never', upToBytes: 1_000_000 } })
  await settled()
  const asked = keepCopies(anna)
  await send(anna, ben, outgoing('hello'))
  await pass(PATIENCE_MS - SETTLE_MS)
  expect(asked).toEqual([])
  await pass(2 * SETTLE_MS)
  expect(asked).toEqual(['keep'])
})

test('no relay hears of what went over at once, nor of notes to myself', async () => {
  const asked = keepCopies(anna)
  const id = await send(anna, ben, outgoing('hello'))
  await text(ben, at(anna.peer, id))
  // Ben has it before Anna knows that he does.
  await until(anna.chat.watchAttachment(at(ben.peer, id)), ({ onward }) => onward === null)
  await send(anna, anna, outgoing('a note'))
  await pass(PATIENCE_MS)
  expect(asked).toEqual([])
})

/** Chunks of a file that is long enough to see it come. */
const CHUNKS = 8

const LONG = 'x'.repeat(CHUNKS * CHUNK_BYTES)

test('who sends a file is told how much of it is taken in', async () => {
  const put = anna.parts.put.bind(anna.parts)
  const full = Promise.withResolvers<undefined>()
  let parts = 0
  // There is room for two chunks.
  vi.spyOn(anna.parts, 'put').mockImplementation(async (...part) => {
    if (++parts > 2) await full.promise
    return put(...part)
  })
  const prepared = () => until(anna.chat.watchPreparing('long'))
  expect(await prepared()).toBe(0)
  const sent = anna.chat.sendFile(ben.peer, outgoing(LONG), 'long')
  await expect.poll(prepared).toBe(2 * CHUNK_BYTES)
  full.resolve(undefined)
  await sent
  expect(await prepared()).toBe(0)
})

test('who sent a file is told how much of it they have by now', async () => {
  const put = ben.parts.put.bind(ben.parts)
  const full = Promise.withResolvers<undefined>()
  vi.spyOn(ben.parts, 'put').mockImplementation(async (...part) => {
    // What is missing then is the last part.
    if (ben.parts.size === anna.parts.size - 1) await full.promise
    return put(...part)
  })
  const place = at(ben.peer, await send(anna, ben, outgoing(LONG)))
  await messageAt(ben, at(anna.peer, place.message))
  const shares = new Set<number>()
  await expect
    .poll(async () => {
      await pass(250)
      const now = await onward(anna, place)
      if (now?.state === 'getting') shares.add(now.share)
      return Math.max(...shares)
    })
    .toBeCloseTo(CHUNKS / (CHUNKS + 1))
  full.resolve(undefined)
  expect(await text(ben, at(anna.peer, place.message))).toBe(LONG)
  await until(anna.chat.watchAttachment(place), ({ onward }) => onward === null)
})

test('what they have got while I was out of reach is known once they are back', async () => {
  const put = ben.parts.put.bind(ben.parts)
  vi.spyOn(ben.parts, 'put').mockImplementation((...part) => {
    // The last part is looked at when the way to Anna ends: nobody is left to be told.
    if (ben.parts.size === anna.parts.size - 1) network.disconnect(anna.host, ben.host)
    return put(...part)
  })
  const id = await send(anna, ben, outgoing('hello'))
  const got = at(anna.peer, id)
  expect(await text(ben, got)).toBe('hello')
  expect(await onward(anna, at(ben.peer, id))).not.toBeNull()

  network.connect(anna.host, ben.host)
  await until(anna.chat.watchAttachment(at(ben.peer, id)), ({ onward }) => onward === null)
})

test('a copy that they took while I was away is not kept any longer', async () => {
  network.disconnect(anna.host, ben.host)
  const id = await send(anna, ben, outgoing('hello'))
  const asked = keepCopies(anna, { taken: 1 })
  await pass(SETTLE_MS)
  expect(asked).toEqual(['keep', 'release'])
  expect(await onward(anna, at(ben.peer, id))).toBeNull()
})

test('taking a message back takes its copy from the relay', async () => {
  const asked = keepCopies(anna)
  network.disconnect(anna.host, ben.host)
  const id = await send(anna, ben, outgoing('hello'))
  await pass(SETTLE_MS)
  await anna.chat.deleteForMe(ben.peer, id)
  await pass(SETTLE_MS)
  expect(asked).toEqual(['keep', 'release'])
})

test('no relay is asked before the person was', async () => {
  const vera = await person(network, clock, 'Vera')
  vera.host.peers.relays = ['relay.example']
  vera.host.network.changed()
  await befriend(network, vera, ben)
  // What else they choose says nothing of it.
  await vera.choose({ theme: 'dark' })
  const asked = keepCopies(vera)
  network.disconnect(vera.host, ben.host)
  const id = await send(vera, ben, outgoing('hello'))
  await pass(PATIENCE_MS)
  expect(asked).toEqual([])
  expect(await onward(vera, at(ben.peer, id))).toEqual({ state: 'direct' })

  await vera.choose({ copiesForAway: true })
  await expect
    .poll(async () => {
      await pass(SETTLE_MS)
      return asked
    })
    .toEqual(['keep'])
  await vera.stop()
})

test('no relay is asked by who chose so, and what it keeps it is to let go', async () => {
  await anna.choose({ copiesForAway: false })
  await settled()
  const asked = keepCopies(anna)
  network.disconnect(anna.host, ben.host)
  const id = await send(anna, ben, outgoing('hello'))
  await pass(PATIENCE_MS)
  expect(asked).toEqual([])
  expect(await onward(anna, at(ben.peer, id))).toEqual({ state: 'direct' })

  await anna.choose({ copiesForAway: true })
  await expect
    .poll(async () => {
      await pass(SETTLE_MS)
      return asked
    })
    .toEqual(['keep'])
  await anna.choose({ copiesForAway: false })
  await expect.poll(() => asked).toEqual(['keep', 'release'])
  expect(await onward(anna, at(ben.peer, id))).toEqual({ state: 'direct' })
})

test('who was away looks for it at the relays where the sender is met', async () => {
  network.disconnect(anna.host, ben.host)
  const id = await send(anna, ben, outgoing('hello'))
  network.connect(anna.host, ben.host)
  await messageAt(ben, at(anna.peer, id))
  const from = async () => (await ben.db.transfers.toArray())[0]?.from
  await expect.poll(from).toEqual({ peers: [anna.peer], relays: ['relay.example'] })
})

test('a file is found by its name, a recording by its words alone', async () => {
  const file = await send(anna, ben, outgoing('hello', { name: 'Übersicht.pdf' }))
  await send(anna, ben, outgoing('…', { look: VOICE, name: 'übersicht.webm' }))
  expect(await anna.chat.search('ubersicht')).toMatchObject([
    { message: file, text: '', attachment: { kind: 'file', name: 'Übersicht.pdf' } },
  ])
})
