import { beforeEach, expect, test } from 'vitest'
import { MAX_CLOCK_JUMP, MAX_PAST_CHAINS, type Chains } from '#lib/delivery/chain.ts'
import { decodeContent, encodeContent, type Note, type StatusNote } from '#lib/delivery/content.ts'
import { CannotOpenError } from '#lib/crypto/errors.ts'
import type { NoteNumber } from '#lib/db/schema.ts'
import { Delivery, MAX_GIVEN_A_DAY } from '#lib/delivery/delivery.ts'
import { MAX_EARLY } from '#lib/delivery/inbox.ts'
import { Ledger } from '#lib/delivery/ledger.ts'
import { OwedNotes } from '#lib/delivery/owed-notes.ts'
import type { ItemTaken } from '#lib/delivery/post.ts'
import {
  decodeEnvelope,
  encodeEnvelope,
  MAX_PAYLOAD_BYTES,
  messageId,
  type Envelope,
} from '#lib/delivery/envelope.ts'
import { NotAcceptedError } from '#lib/delivery/errors.ts'
import { frameCodec, type Frame } from '#lib/delivery/frames.ts'
import type { Channel } from '#lib/p2p/api.ts'
import { markOf, type Sealer } from '#lib/delivery/seams.ts'
import { WINDOW } from '#lib/delivery/session.ts'
import { InvalidDataError, StarlingError, StorageFullError } from '#lib/protocol/errors.ts'
import { chainIdOf, type ChainId, type MessageId, type PeerIdString } from '#lib/protocol/ids.ts'
import { FakeNetwork, settled, silentLogger, type FakeHost } from '../../fixtures/fake-network.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { MemoryDeliveryStore } from '../../fixtures/memory-delivery-store.ts'
import { oneDevice } from '../../fixtures/devices.ts'
import { noHello, noMail } from '../../fixtures/no-mail.ts'
import { plainSealer } from '../../fixtures/plain-sealer.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { signerOf } from '../../fixtures/signers.ts'

const ANNA = (await signerOf(1)).peer
const BEN = (await signerOf(2)).peer
const PROTOCOL = '/test/1.0.0'
const BAD = 'not for this feature'

interface Person {
  host: FakeHost
  store: MemoryDeliveryStore
  delivery: Delivery
  /** For whom something waits. */
  posted: PeerIdString[]
}

let clock: ManualClock
let network: FakeNetwork
let anna: Person
let ben: Person
let refused: Set<PeerIdString>
/** Of the installation that everybody has. */
let generation: number

const devices = { ...oneDevice, generation: () => Promise.resolve(generation) }

beforeEach(async () => {
  refused = new Set()
  generation = 1
  clock = new ManualClock()
  network = new FakeNetwork()
  anna = await person(ANNA, 1)
  ben = await person(BEN, 2)
})

/** The mailbox item of the first message this one wrote, as `plainSealer` seals it. */
async function firstItemOf({ store }: Person, to: PeerIdString): Promise<Uint8Array> {
  const { chain } = (await store.chains(to))!.mine
  const [first] = await store.outbox(to, chain, 0, 1)
  return encodeContent({ type: 'message', envelope: first!.envelope })
}

/** Without a conversation around them. */
function notesOf(store: MemoryDeliveryStore): OwedNotes {
  const random = seededRandom(9)
  const ledger = new Ledger({ store, sealer: plainSealer, random, logger: silentLogger })
  return new OwedNotes({ store, ledger, devices, sealer: plainSealer, mail: noMail, clock })
}

async function person(
  peer: PeerIdString,
  seed: number,
  sealer: Sealer = plainSealer,
): Promise<Person> {
  const host = network.host(peer)
  const store = new MemoryDeliveryStore()
  const posted: PeerIdString[] = []
  const delivery = new Delivery(
    {
      identity: { peer },
      channels: host.channels,
      store,
      sealer,
      devices,
      mail: { ...noMail, post: (waiting) => posted.push(waiting) },
      clock,
      random: seededRandom(seed),
      logger: silentLogger,
    },
    {
      protocol: PROTOCOL,
      accept: (other) => !refused.has(other),
      check: (payload) => {
        if (new TextDecoder().decode(payload) === BAD) throw new InvalidDataError('bad payload')
      },
      tellsRead: () => true,
      ...noHello,
    },
  )
  await delivery.start()
  return { host, store, delivery, posted }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const texts = ({ store }: Person): string[] =>
  store.shown().map(({ payload }) => new TextDecoder().decode(payload))
const say = (from: Person, text: string): Promise<MessageId> =>
  from.delivery.send(from === anna ? BEN : ANNA, bytes(text), text)
const connect = async (): Promise<void> => {
  network.connect(anna.host, ben.host)
  await settled()
}
const standing = async (of: Person): Promise<Chains> =>
  (await of.store.chains(of === anna ? BEN : ANNA))!

test('what was written while apart arrives on connecting, without time passing', async () => {
  await say(anna, 'one')
  await say(anna, 'two')
  await say(ben, 'drei')
  expect((await standing(anna)).mine).toMatchObject({ sequence: 2, received: 0 })

  await connect()

  expect(texts(ben)).toEqual(texts(anna))
  expect(texts(ben).toSorted()).toEqual(['drei', 'one', 'two'])
  expect((await standing(anna)).mine).toMatchObject({ sequence: 2, received: 2, read: 0 })
})

test('after a break the rest is sent again, without time passing', async () => {
  await connect()
  network.loses = () => true
  await say(anna, 'lost on the way')
  await settled()
  network.loses = () => false
  network.renew(anna.host, ben.host)
  await settled()
  expect(texts(ben)).toEqual(['lost on the way'])
})

test('a peer that does not answer is told again after a while, and ever less often', async () => {
  await connect()
  network.loses = () => true
  await say(anna, 'lost on the way')
  await settled()
  clock.advance(20_000)
  await settled()
  network.loses = () => false
  expect(texts(ben)).toEqual([])
  clock.advance(60_000)
  await settled()
  expect(texts(ben)).toEqual(['lost on the way'])
})

test('a message is delivered when the other side holds it, read when they read it', async () => {
  await connect()
  const id = await say(anna, 'hello')
  await settled()
  expect((await standing(anna)).mine).toMatchObject({ received: 1, read: 0 })
  await ben.delivery.markRead(ANNA, id)
  await settled()
  expect((await standing(anna)).mine).toMatchObject({ received: 1, read: 1 })
})

test('what was read while apart is told on connecting', async () => {
  await connect()
  const id = await say(anna, 'hello')
  await settled()
  network.disconnect(anna.host, ben.host)
  await ben.delivery.markRead(ANNA, id)
  await connect()
  expect((await standing(anna)).mine).toMatchObject({ read: 1 })
})

test('the same intent is the same message, also when asked at once', async () => {
  const [one, two] = await Promise.all([
    anna.delivery.send(BEN, bytes('hi'), 'intent'),
    anna.delivery.send(BEN, bytes('hi'), 'intent'),
  ])
  expect(one).toBe(two)
  expect(texts(anna)).toEqual(['hi'])
})

test('a retry is byte for byte the same', async () => {
  const frames: string[] = []
  await say(anna, 'again and again')
  for (let round = 0; round < 2; round += 1) {
    network.connect(anna.host, ben.host)
    await settled()
    const rows = await anna.store.outbox(BEN, (await standing(anna)).mine.chain, 0, 10)
    frames.push(...rows.map(({ sealed }) => Buffer.from(sealed!).toString('hex')))
    clock.advance(1_000)
  }
  expect(frames[0]).toBe(frames[1])
})

test('more than a window waits for acknowledgements and then follows', async () => {
  for (let index = 0; index < WINDOW * 2 + 5; index += 1) await say(anna, String(index))
  await connect()
  const messages = texts(ben).length
  expect(messages).toBe(WINDOW * 2 + 5)
  expect((await standing(anna)).mine.received).toBe(messages)
})

test('a full receiver loses nothing and acknowledges nothing', async () => {
  await connect()
  ben.store.failure = new StorageFullError('full')
  await say(anna, 'one')
  await say(anna, 'two')
  await settled()
  expect((await standing(anna)).mine.received).toBe(0)
  ben.store.failure = null
  clock.advance(30_000)
  await settled()
  clock.advance(30_000)
  await settled()
  expect(texts(ben)).toEqual(['one', 'two'])
  expect((await standing(anna)).mine.received).toBe(2)
})

test('a full sender is told so, and goes on where it was', async () => {
  await say(anna, 'one')
  anna.store.failure = new StorageFullError('full')
  await expect(say(anna, 'two')).rejects.toThrow(StorageFullError)
  anna.store.failure = null
  await say(anna, 'two')
  await connect()
  expect(texts(ben)).toEqual(['one', 'two'])
})

test('a deleted history starts a new chain, so that the other side waits for nothing', async () => {
  await connect()
  await say(anna, 'one')
  await settled()
  network.disconnect(anna.host, ben.host)
  await say(anna, 'never delivered')
  await anna.delivery.forget(BEN)
  expect(texts(anna)).toEqual([])
  await say(anna, 'anew')
  await connect()
  expect(texts(ben)).toEqual(['one', 'anew'])
  const { mine } = await standing(anna)
  expect(mine).toMatchObject({ sequence: 1, received: 1 })
  expect((await standing(ben)).theirs?.chain).toBe(mine.chain)
})

test('deleting while connected goes on as well', async () => {
  await connect()
  await say(anna, 'one')
  await settled()
  await anna.delivery.forget(BEN)
  await say(anna, 'anew')
  await settled()
  expect(texts(ben)).toEqual(['one', 'anew'])
  expect((await standing(anna)).mine.received).toBe(1)
})

test('what a mailbox still has of a history its writer has deleted waits for nothing', async () => {
  await say(ben, 'one')
  await say(ben, 'two')
  const [, two] = await ben.delivery.post.lacking(ANNA, 2)
  await ben.delivery.forget(ANNA)
  await connect()
  expect(await anna.delivery.post.receiveItem(BEN, two!.sealed!)).toBe('taken')
  await settled()
  expect(texts(anna)).toEqual(['two'])
  expect(await anna.store.early(BEN, two!.chain)).toEqual([])
})

test('who holds less than before, by what their mailbox note says, is written it again', async () => {
  for (const text of ['one', 'two', 'three']) await say(anna, text)
  const { chain } = (await standing(anna)).mine
  const saying = (received: number, read: number, lost = false) =>
    encodeContent({
      type: 'note',
      note: {
        type: 'status',
        yours: { chain, received, read },
        want: null,
        lost,
        place: { relays: [], passes: [] },
      },
    })
  const lacking = async () =>
    (await anna.delivery.post.lacking(BEN, 9)).map(({ sequence }) => sequence)
  await anna.delivery.post.receiveItem(BEN, saying(3, 0))
  expect(await lacking()).toEqual([])
  // They restored a backup of before the second.
  await anna.delivery.post.receiveItem(BEN, saying(1, 0, true))
  expect(await anna.delivery.post.waiting()).toEqual([BEN])
  const again = await anna.delivery.post.lacking(BEN, 9)
  expect(again).toMatchObject([
    { sequence: 2, sealed: null, receipts: [] },
    { sequence: 3, sealed: null, receipts: [] },
  ])
  expect((await standing(anna)).mine.received).toBe(3)
  await anna.delivery.post.receiveItem(BEN, saying(3, 1))
  expect(await lacking()).toEqual([])
})

test('what a relay gives late of before a backup was restored is not believed, nor answered', async () => {
  for (const text of ['one', 'two', 'three']) await say(anna, text)
  const { chain } = (await standing(anna)).mine
  const noteOf = (number: NoteNumber, received: number, lost = false): Uint8Array => {
    const place = { relays: [], passes: [] }
    const yours = { chain, received, read: 0 }
    const note: StatusNote = { type: 'status', number, yours, want: null, lost, place }
    return encodeContent({ type: 'note', note })
  }
  const takes = (...note: Parameters<typeof noteOf>): Promise<ItemTaken> =>
    anna.delivery.post.receiveItem(BEN, noteOf(...note))
  const lacking = async () =>
    (await anna.delivery.post.lacking(BEN, 9)).map(({ sequence }) => sequence)
  await takes([5, 8], 2)
  await takes([6, 1], 1, true)
  expect(await lacking()).toEqual([2, 3])

  const [two] = await anna.delivery.post.lacking(BEN, 1)
  const sealed = await anna.delivery.post.seal(BEN, two!)
  expect(await takes([5, 9], 3)).toBe('taken')
  expect(await takes([5, 10], 3, true)).toBe('taken')
  expect(await lacking()).toEqual([2, 3])
  // Nor is anything sealed for the keys of then.
  expect(await anna.delivery.post.lacking(BEN, 1)).toMatchObject([{ sealed }])
  expect(await anna.store.wasOpened(markOf(noteOf([5, 9], 3)))).toBe(false)

  // The same of one installation, written before another of it.
  await takes([6, 3], 3)
  await takes([6, 2], 2)
  expect(await lacking()).toEqual([])
  await takes([6, 4], 2)
  expect(await lacking()).toEqual([3])
})

test('notes are numbered in the order they are written in, by installation', async () => {
  await say(ben, 'one')
  const numbers: (NoteNumber | undefined)[] = []
  for (const text of ['two', 'three']) {
    await anna.delivery.post.owe(BEN, 'status')
    const [owed] = await anna.store.owed(BEN)
    const sealed = await anna.delivery.post.sealOwed(owed!)
    const { note } = decodeContent(sealed as Uint8Array) as { note: StatusNote }
    numbers.push(note.number)
    await anna.delivery.forget(BEN)
    await say(ben, text)
  }
  expect(numbers).toEqual([
    [1, 1],
    [1, 2],
  ])
})

test('whose keys are lost is told again how far I hold what they wrote', async () => {
  const place = { relays: [], passes: [] }
  const note: StatusNote = { type: 'status', yours: null, want: null, lost: true, place }
  await anna.delivery.post.receiveItem(BEN, encodeContent({ type: 'note', note }))
  expect(await anna.store.owed(BEN)).toMatchObject([{ type: 'status', lost: false }])
})

test('whose keys are lost is answered in the session that says so', async () => {
  await anna.delivery.post.owe(BEN, 'status', true)
  await anna.delivery.post.sealOwed((await anna.store.owed(BEN))[0]!)
  const place = { relays: [], passes: [] }
  const note: StatusNote = { type: 'status', yours: null, want: null, lost: true, place }
  await anna.delivery.post.receiveItem(BEN, encodeContent({ type: 'note', note }))
  const [answer] = await anna.store.owed(BEN)
  expect(answer).toMatchObject({ type: 'status', lost: true, receipts: [] })
  expect(answer!.sealed).not.toBeNull()
})

test('what comes once more from another relay is known; a month later its writer is told again', async () => {
  await say(ben, 'one')
  const [item] = await ben.delivery.post.lacking(ANNA, 1)
  const owedAfterItem = async (): Promise<unknown[]> => {
    await anna.delivery.post.receiveItem(BEN, item!.sealed!)
    const owed = await anna.store.owed(BEN)
    await anna.delivery.post.owesNot(BEN, 'status')
    return owed
  }
  expect(await owedAfterItem()).toMatchObject([{ type: 'status', lost: false }])
  expect(await owedAfterItem()).toEqual([])
  // What was said of it has gone at the relays, unread.
  clock.advance(31 * 24 * 60 * 60_000)
  expect(await owedAfterItem()).toMatchObject([{ type: 'status', lost: false }])
  expect(await owedAfterItem()).toEqual([])
})

test('who has other relays is told there what I hold of theirs', async () => {
  await say(ben, 'one')
  const [item] = await ben.delivery.post.lacking(ANNA, 1)
  await anna.delivery.post.receiveItem(BEN, item!.sealed!)
  const at = async (...addresses: string[]): Promise<unknown> => {
    await anna.delivery.post.owesNot(BEN, 'status')
    const relays = addresses.map((address) => ({ key: new Uint8Array(32), address }))
    const note: StatusNote = {
      ...{ type: 'status', yours: null, want: null, lost: false },
      place: { relays, passes: [] },
    }
    await anna.delivery.post.receiveItem(BEN, encodeContent({ type: 'note', note }))
    return anna.store.owed(BEN)
  }
  expect(await at('one.example')).toEqual([])
  expect(await at('one.example', 'two.example')).toMatchObject([{ type: 'status', lost: false }])
  expect(await at('one.example', 'two.example')).toEqual([])
})

test('who is told that their keys did not open, and has lost them, is told again until they have heeded it', async () => {
  const said = async (): Promise<StatusNote> => {
    const [owed] = await anna.store.owed(BEN)
    const sealed = await anna.delivery.post.sealOwed(owed!)
    await anna.delivery.post.owesNot(BEN, 'status')
    return (decodeContent(sealed as Uint8Array) as { note: StatusNote }).note
  }
  const hears = async (count: number, lost: boolean, anew?: NoteNumber): Promise<void> => {
    const note: StatusNote = {
      ...{ type: 'status', yours: null, want: null, lost, place: { relays: [], passes: [] } },
      ...{ number: [4, count], ...(anew && { anew }) },
    }
    await anna.delivery.post.receiveItem(BEN, encodeContent({ type: 'note', note }))
  }
  await anna.delivery.post.owe(BEN, 'status', true)
  const first = await said()
  expect(first).toMatchObject({ lost: true })
  // Each may be lost, with the keys it is sealed for; what she has heeded she says along with it.
  await hears(1, true)
  expect(await said()).toMatchObject({ lost: true, anew: [4, 1] })
  await hears(2, false)
  await hears(3, true, [0, 9])
  expect(await said()).toMatchObject({ lost: true, anew: [4, 3] })
  // They have sealed anew for the first: those that said it again were of nothing else.
  await hears(4, true, first.number)
  expect(await said()).toMatchObject({ lost: false, anew: [4, 4] })

  await anna.delivery.post.owe(BEN, 'status', true)
  await said()
  await hears(5, true, first.number)
  const again = await said()
  expect(again).toMatchObject({ lost: true, anew: [4, 5] })
  await hears(6, false, again.number)
  await hears(7, true)
  expect(await said()).toMatchObject({ lost: false, anew: [4, 7] })
})

test('that their keys did not open is not taken as heeded that another installation of mine said', async () => {
  const loses = async (): Promise<NoteNumber> => {
    await anna.delivery.post.owe(BEN, 'status')
    const [owed] = await anna.store.owed(BEN)
    await anna.store.putOwed({ ...owed!, lost: true }, null)
    await anna.delivery.post.sealOwed({ ...owed!, lost: true })
    return (await standing(anna)).notes!.lost!
  }
  expect(await loses()).toEqual([1, 1])
  generation = 2
  expect(await loses()).toEqual([2, 2])
})

test('a hello that is sealed anew tells nobody that their keys did not open', async () => {
  const { store } = anna
  const notes = notesOf(store)
  await notes.owe(BEN, 'hello')
  const [hello] = await store.owed(BEN)
  const place = { relays: [], passes: [] }
  await notes.seal({ ...hello!, lost: true }, { type: 'hello', hello: bytes('hello'), place })
  await notes.oweAgain(BEN)
  const status = (await store.owed(BEN)).find(({ type }) => type === 'status')
  expect(status).toMatchObject({ lost: false })
})

test('what lies at each relay is answered once', async () => {
  await say(ben, 'one')
  const [one] = await ben.delivery.post.lacking(ANNA, 1)
  const sealed = (await ben.delivery.seal(ANNA, one!))!
  for (const owed of [[{ type: 'status' }], [], []]) {
    await anna.delivery.post.receiveItem(BEN, sealed)
    expect(await anna.store.owed(BEN)).toMatchObject(owed)
    await anna.delivery.post.owesNot(BEN, 'status')
  }
})

test('what came over a channel that brought no answer is answered when it comes from a mailbox', async () => {
  await connect()
  await say(ben, 'one')
  await settled()
  await anna.delivery.post.receiveItem(BEN, await firstItemOf(ben, ANNA))
  expect(await anna.store.owed(BEN)).toMatchObject([{ type: 'status' }])
})

test('a channel that ends before it was answered may not have told them what came', async () => {
  const puppet = await Puppet.at()
  await puppet.say(message(puppet.next(1)))
  network.disconnect(anna.host, ben.host)
  await settled()
  expect(await anna.store.owed(BEN)).toMatchObject([{ type: 'status', lost: false }])
})

test('what came so long ago that it does not open any more is answered once, with how far I hold what they wrote', async () => {
  let isLongAgo = false
  anna = await person(ANNA, 1, {
    ...plainSealer,
    open: (peer, sealed) =>
      isLongAgo
        ? Promise.reject(new CannotOpenError('a message that came before'))
        : plainSealer.open(peer, sealed),
  })
  await connect()
  await say(ben, 'one')
  await settled()
  isLongAgo = true
  await anna.store.forgetOpened()
  const item = await firstItemOf(ben, ANNA)
  for (const owed of [[{ type: 'status', lost: false }], []]) {
    expect(await anna.delivery.post.receiveItem(BEN, item)).toBe('unopened')
    expect(await anna.store.owed(BEN)).toMatchObject(owed)
    await anna.delivery.post.owesNot(BEN, 'status')
  }
})

test('an answer that found no room is owed when what it answers comes again', async () => {
  await connect()
  await say(ben, 'one')
  await settled()
  const item = await firstItemOf(ben, ANNA)
  anna.store.failure = new StorageFullError('full')
  await expect(anna.delivery.post.receiveItem(BEN, item)).rejects.toThrow(StorageFullError)
  anna.store.failure = null
  expect(await anna.delivery.post.receiveItem(BEN, item)).toBe('taken')
  expect(await anna.store.owed(BEN)).toMatchObject([{ type: 'status', lost: false }])
})

test('a channel on which all was answered leaves nothing to tell', async () => {
  await connect()
  await say(ben, 'heard')
  await settled()
  network.disconnect(anna.host, ben.host)
  await settled()
  expect(await anna.store.owed(BEN)).toEqual([])
})

test('who is back from a backup of before all I wrote is sent all of it', async () => {
  await connect()
  await say(anna, 'one')
  await settled()
  network.disconnect(anna.host, ben.host)
  await settled()
  expect(await anna.delivery.post.lacking(BEN, 9)).toEqual([])
  const place = { relays: [], passes: [] }
  const note: StatusNote = { type: 'status', yours: null, want: null, lost: true, place }
  await anna.delivery.post.receiveItem(BEN, encodeContent({ type: 'note', note }))
  expect(await anna.delivery.post.lacking(BEN, 9)).toMatchObject([{ sequence: 1, receipts: [] }])
})

test('what they wrote does not come back after I deleted it', async () => {
  await connect()
  await say(ben, 'to be forgotten')
  await settled()
  await anna.delivery.forget(BEN)
  network.renew(anna.host, ben.host)
  await say(ben, 'new')
  await settled()
  expect(texts(anna)).toEqual(['new'])
})

test('what waited behind a gap when the history was deleted is asked for, to be sealed anew', async () => {
  const puppet = await Puppet.at()
  await anna.delivery.forget(BEN)
  expect(await anna.store.owed(BEN)).toEqual([])
  puppet.next(1)
  await puppet.say(message(puppet.next(2)))
  await anna.delivery.forget(BEN)
  expect(await anna.store.owed(BEN)).toMatchObject([{ type: 'status', lost: true }])
})

test('a channel says what a note would, but not that their keys did not open', async () => {
  await say(ben, 'by mailbox')
  const [item] = await ben.delivery.post.lacking(ANNA, 1)
  await anna.delivery.post.receiveItem(BEN, item!.sealed!)
  expect(await anna.store.owed(BEN)).toMatchObject([{ type: 'status', lost: false }])
  await connect()
  expect(await anna.store.owed(BEN)).toEqual([])
  network.disconnect(anna.host, ben.host)
  await anna.delivery.post.owe(BEN, 'status', true)
  await anna.delivery.post.owe(BEN, 'status')
  await connect()
  expect(await anna.store.owed(BEN)).toMatchObject([{ type: 'status', lost: true }])
})

test('a hello that waits for its answer is left again when I am written to elsewhere', async () => {
  const place = { relays: [], passes: [] }
  const sealed = encodeContent({ type: 'note', note: { type: 'hello', hello: bytes('hi'), place } })
  const receipt = { relay: 'relay.example', store: 'AA', atMs: clock.now() }
  const [hello, status] = (['hello', 'status'] as const).map((type) => {
    return { peer: BEN, type, lost: false, sealed, receipts: [receipt] }
  })
  await anna.store.putOwed(hello!, null)
  await anna.store.putOwed(status!, null)
  await anna.delivery.tellPlace()
  expect(await anna.store.owed(BEN)).toEqual([{ ...hello, sealed: null, receipts: [] }, status])
  expect(anna.posted).toEqual([BEN])
})

test('who is told after a restart that their keys did not open, as was sealed before, is told once more', async () => {
  const { store } = anna
  const before = notesOf(store)
  await before.owe(BEN, 'status', true)
  const [owed] = await before.to(BEN)
  const place = { relays: [], passes: [] }
  const note: Note = { type: 'status', yours: null, want: null, lost: true, place }
  const sealed = (await before.seal(owed!, note)) as Uint8Array

  const notes = notesOf(store)
  await notes.kept(owed!, sealed, { relay: 'relay.example', store: 'AA', atMs: clock.now() })
  await notes.settleKept(owed!, 1)
  expect(await store.owed(BEN)).toEqual([])
  await notes.oweAgain(BEN)
  expect(await store.owed(BEN)).toMatchObject([{ lost: true }])
})

test('a hello that relays keep no more is sealed with keys of theirs as they are now, once', async () => {
  const { store } = anna
  const notes = notesOf(store)
  const note: Note = { type: 'hello', hello: bytes('hi'), place: { relays: [], passes: [] } }
  const leave = async (): Promise<void> => {
    const [owed] = await notes.to(BEN)
    const sealed = (await notes.seal(owed!, note)) as Uint8Array
    await notes.kept(owed!, sealed, { relay: 'relay.example', store: 'AA', atMs: clock.now() })
  }
  await notes.owe(BEN, 'hello')
  await leave()
  await notes.owe(BEN, 'hello')
  expect(await store.owed(BEN)).toMatchObject([{ lost: false, sealed: null }])
  await leave()
  clock.advance(26 * 24 * 60 * 60 * 1000)
  await notes.owe(BEN, 'hello')
  expect(await store.owed(BEN)).toMatchObject([{ lost: true, sealed: null }])
  await leave()
  await notes.owe(BEN, 'hello')
  expect(await store.owed(BEN)).toMatchObject([{ lost: false, sealed: null }])
})

test('that keys are lost is said once messages are exchanged, not forgotten before', async () => {
  refused.add(BEN)
  await anna.delivery.post.owe(BEN, 'status', true)
  await anna.delivery.post.owe(BEN, 'hello')
  expect(await anna.delivery.post.owed(BEN)).toMatchObject([{ type: 'hello' }])
  refused.delete(BEN)
  expect(await anna.delivery.post.owed(BEN)).toMatchObject([
    { type: 'status', lost: true },
    { type: 'hello' },
  ])
})

test('a note is not sealed as it was before their keys were found lost', async () => {
  await anna.delivery.post.owe(BEN, 'status')
  const [before] = await anna.delivery.post.owed(BEN)
  await anna.delivery.post.owe(BEN, 'status', true)
  expect(await anna.delivery.post.sealOwed(before!)).toBeNull()
  const [now] = await anna.delivery.post.owed(BEN)
  expect(now).toMatchObject({ lost: true, sealed: null })
  const { note } = decodeContent((await anna.delivery.post.sealOwed(now!)) as Uint8Array) as {
    note: StatusNote
  }
  expect(note.lost).toBe(true)
})

test.each([1, 2, 3].flatMap((writes) => [true, false].map((after) => ({ writes, after }))))(
  'a note that keys are lost has all sealed anew, wherever the power goes: $writes, $after',
  async ({ writes, after }) => {
    await say(anna, 'sealed with keys they lost')
    const place = { relays: [], passes: [] }
    const note = { type: 'status', yours: null, want: null, lost: true, place } as const
    const item = encodeContent({ type: 'note', note })
    anna.store.cutPower(writes, after)
    await anna.delivery.post.receiveItem(BEN, item).catch(() => undefined)
    anna.store.restart()
    await anna.delivery.post.receiveItem(BEN, item)
    const { chain } = (await standing(anna)).mine
    expect(await anna.store.outbox(BEN, chain, 0, 1)).toMatchObject([{ sealed: null }])
  },
)

test('somebody who holds less than they once said is sent the rest again', async () => {
  await connect()
  await say(anna, 'one')
  await settled()
  const earlier = await standing(ben)
  await say(anna, 'two')
  await settled()
  network.disconnect(anna.host, ben.host)
  await ben.store.putChains(earlier)
  ben.store.messages.pop()
  await connect()
  expect(texts(ben)).toEqual(['one', 'two'])
})

test('what was on its way from somebody no longer accepted is not taken in', async () => {
  await say(ben, 'too late')
  const [late] = await ben.store.outbox(ANNA, (await standing(ben)).mine.chain, 0, 1)
  refused.add(BEN)
  const { chain, sequence, sealed } = late!
  const incoming = { chain, sequence, sealed: sealed! }
  await expect(anna.delivery.receive(BEN, incoming)).rejects.toThrow(NotAcceptedError)
  expect(texts(anna)).toEqual([])
})

test('one peer is given so many keys a day, over however many channels', async () => {
  for (let time = 0; time < MAX_GIVEN_A_DAY; time += 1) {
    expect(await anna.delivery.give(BEN)).not.toBeNull()
  }
  expect(await anna.delivery.give(BEN)).toBeNull()
  expect(await anna.delivery.give((await signerOf(3)).peer)).not.toBeNull()
  clock.advance(24 * 60 * 60 * 1000)
  expect(await anna.delivery.give(BEN)).not.toBeNull()
})

test('keys that there was no room to keep do not count as given', async () => {
  let isFull = true
  const cleo = await person((await signerOf(3)).peer, 3, {
    ...plainSealer,
    give: (peer) =>
      isFull ? Promise.reject(new StorageFullError('full')) : plainSealer.give(peer),
  })
  for (let time = 0; time <= MAX_GIVEN_A_DAY; time += 1) {
    expect(await cleo.delivery.give(BEN)).toBeNull()
  }
  isFull = false
  expect(await cleo.delivery.give(BEN)).not.toBeNull()
})

test('a message for a sleeping peer goes to the mailbox, a note to self does not', async () => {
  await say(anna, 'sleeping?')
  await anna.delivery.send(ANNA, bytes('note'), 'note')
  expect(anna.posted).toEqual([BEN])
})

test('stopping leaves no timer, and no channel', async () => {
  await connect()
  network.loses = () => true
  await say(anna, 'unanswered')
  await settled()
  expect(clock.pending).toBeGreaterThan(0)
  await anna.delivery.stop()
  await ben.delivery.stop()
  await settled()
  expect(clock.pending).toBe(0)
})

test('a payload at the limit goes, one byte more does not', async () => {
  await connect()
  await anna.delivery.send(BEN, new Uint8Array(MAX_PAYLOAD_BYTES), 'fits')
  await expect(
    anna.delivery.send(BEN, new Uint8Array(MAX_PAYLOAD_BYTES + 1), 'too long'),
  ).rejects.toThrow(StarlingError)
  await settled()
  expect(ben.store.messages).toHaveLength(1)
})

/** Ben, played by hand: says to Anna whatever a test wants. */
class Puppet {
  readonly heard: Frame[] = []
  readonly chain = chainIdOf(new Uint8Array(16).fill(7))
  readonly #channel: Channel
  #head: MessageId | null = null

  constructor(channel: Channel) {
    this.#channel = channel
    void this.#listen()
  }

  static async at(): Promise<Puppet> {
    await ben.delivery.stop()
    let channel: Channel | null = null
    await ben.host.channels.handle({
      protocol: PROTOCOL,
      maxFrameBytes: 1e6,
      accept: () => true,
      onChannel: (opened) => (channel = opened),
    })
    network.connect(anna.host, ben.host)
    await settled()
    return new Puppet(channel!)
  }

  get closed(): boolean {
    return this.#channel.closed.aborted
  }

  async say(frame: Frame | Uint8Array): Promise<void> {
    await this.#channel.send(frame instanceof Uint8Array ? frame : frameCodec.encode(frame))
    await settled()
  }

  /** A message that follows the last one, but for what is changed on it. */
  next(sequence: number, changes: Partial<Envelope> = {}): Uint8Array {
    const envelope = encodeEnvelope({
      chain: this.chain,
      sequence,
      previous: this.#head,
      parent: null,
      clock: sequence,
      sentAtMs: 0,
      payload: bytes(`message ${sequence}`),
      ...changes,
    })
    this.#head = messageId(BEN, ANNA, envelope)
    return encodeContent({ type: 'message', envelope })
  }

  async #listen(): Promise<void> {
    for await (const frame of this.#channel.frames()) this.heard.push(frameCodec.decode(frame))
  }
}

const message = (sealed: Uint8Array): Frame => {
  const { chain, sequence } = decodeEnvelope(sealed.subarray(1))
  return { type: 'message', chain, sequence, sealed }
}

test('a message without its predecessor waits, is asked for, and is shown once it can be', async () => {
  const puppet = await Puppet.at()
  const [one, two, three] = [puppet.next(1), puppet.next(2), puppet.next(3)]
  await puppet.say(message(three))
  expect(texts(anna)).toEqual([])
  expect(await anna.store.early(BEN, puppet.chain)).toHaveLength(1)
  expect(puppet.heard).toContainEqual({ type: 'want', chain: puppet.chain, first: 1, last: 2 })
  expect(puppet.heard.filter(({ type }) => type === 'ack')).not.toContainEqual(
    expect.objectContaining({ received: 3 }),
  )
  await puppet.say(message(one))
  await puppet.say(message(two))
  expect(texts(anna)).toEqual(['message 1', 'message 2', 'message 3'])
  expect(puppet.heard.at(-1)).toEqual({ type: 'ack', chain: puppet.chain, received: 3 })
  expect(await anna.store.early(BEN, puppet.chain)).toEqual([])
})

test('each hello says where sending goes on: after what they hold, be it less than before', async () => {
  for (const text of ['one', 'two', 'three']) await say(anna, text)
  const puppet = await Puppet.at()
  const { chain } = (await standing(anna)).mine
  const hello = (received: number): Frame => ({
    type: 'hello',
    mine: { chain: puppet.chain, sequence: 0 },
    yours: { chain, received, read: 0 },
  })
  const sent = () =>
    puppet.heard.flatMap((frame) =>
      frame.type === 'message' ? [decodeEnvelope(frame.sealed.subarray(1)).sequence] : [],
    )
  await puppet.say(hello(1))
  expect(sent()).toEqual([2, 3])
  await puppet.say(hello(1))
  expect(sent()).toEqual([2, 3, 2, 3])
  await puppet.say(hello(0))
  expect(sent()).toEqual([2, 3, 2, 3, 1, 2, 3])
})

test('what a channel says is owed to a mailbox until they have answered it', async () => {
  await say(ben, 'one')
  await say(ben, 'two')
  const [one, two] = await ben.delivery.post.lacking(ANNA, 2)
  const { chain } = one!
  await anna.delivery.post.receiveItem(BEN, one!.sealed!)
  const puppet = await Puppet.at()
  const answer: Frame = { type: 'ack', chain: (await standing(anna)).mine.chain, received: 0 }
  const owed = () => anna.store.owed(BEN)

  await puppet.say({ type: 'hello', mine: { chain, sequence: 2 }, yours: null })
  expect(await owed()).toMatchObject([{ type: 'status' }])
  await anna.delivery.post.receiveItem(BEN, two!.sealed!)
  await puppet.say(answer)
  expect(await owed()).toMatchObject([{ type: 'status' }])

  const ended = chainIdOf(new Uint8Array(16))
  await puppet.say({ type: 'want', chain: ended, first: 1, last: 1 })
  expect(puppet.heard.at(-1)).toMatchObject({ type: 'hello', yours: { chain, received: 2 } })
  expect(await owed()).toMatchObject([{ type: 'status' }])
  await puppet.say(answer)
  expect(await owed()).toEqual([])
})

test('what is asked for is sent again at once', async () => {
  await say(anna, 'one')
  await say(anna, 'two')
  const puppet = await Puppet.at()
  const { chain } = (await standing(anna)).mine
  await puppet.say({ type: 'hello', mine: { chain: puppet.chain, sequence: 0 }, yours: null })
  const sent = puppet.heard.filter(({ type }) => type === 'message')
  expect(sent).toHaveLength(2)
  await puppet.say({ type: 'want', chain, first: 2, last: 2 })
  const again = puppet.heard.filter(({ type }) => type === 'message')
  expect(again).toHaveLength(3)
  expect(again[2]).toEqual(sent[1])
})

test('a gap is asked for once, and once more after a hello', async () => {
  const puppet = await Puppet.at()
  const gaps = () =>
    puppet.heard.flatMap((frame) => (frame.type === 'want' ? [[frame.first, frame.last]] : []))
  const [first, ...rest] = [1, 2, 3, 4].map((number) => message(puppet.next(number)))
  for (const each of rest) await puppet.say(each)
  expect(gaps()).toEqual([[1, 1]])
  await puppet.say({ type: 'hello', mine: { chain: puppet.chain, sequence: 4 }, yours: null })
  for (const each of rest) await puppet.say(each)
  expect(gaps()).toEqual([
    [1, 1],
    [1, 1],
  ])
  await puppet.say(first!)
  puppet.next(5)
  await puppet.say(message(puppet.next(6)))
  expect(gaps().at(-1)).toEqual([5, 5])
})

test('the buffer before a gap is bounded', async () => {
  const puppet = await Puppet.at()
  await puppet.say(message(puppet.next(MAX_EARLY)))
  await puppet.say(message(puppet.next(MAX_EARLY + 1)))
  expect(await anna.store.early(BEN, puppet.chain)).toHaveLength(1)
})

test('what waits behind a gap is shown when its chain ends', async () => {
  const puppet = await Puppet.at()
  puppet.next(1)
  await puppet.say(message(puppet.next(2)))
  const chain = chainIdOf(new Uint8Array(16).fill(8))
  await puppet.say({ type: 'hello', mine: { chain, sequence: 0 }, yours: null })
  expect(texts(anna)).toEqual(['message 2'])
  expect(await anna.store.early(BEN, puppet.chain)).toEqual([])
  // The old chain cannot be taken up again.
  await puppet.say(message(puppet.next(3)))
  expect(texts(anna)).toEqual(['message 2'])
})

test('what waits behind a gap is shown after what their backup still had of it', async () => {
  const puppet = await Puppet.at()
  await puppet.say(message(puppet.next(1)))
  const two = puppet.next(2)
  await puppet.say(message(puppet.next(3)))
  const chain = chainIdOf(new Uint8Array(16).fill(8))
  await puppet.say({ type: 'hello', mine: { chain, sequence: 2 }, yours: null })
  expect(texts(anna)).toEqual(['message 1'])
  const payload = { envelope: two.subarray(1) }
  await puppet.say(message(puppet.next(1, { chain, previous: null, clock: 100, payload })))
  expect(texts(anna)).toEqual(['message 1', 'message 2'])
  await puppet.say(message(puppet.next(2, { chain, clock: 101, payload: bytes('new') })))
  expect(texts(anna)).toEqual(['message 1', 'message 2', 'message 3', 'new'])
  expect(await anna.store.early(BEN, puppet.chain)).toEqual([])
})

test('what waits behind a gap waits through a second backup too', async () => {
  const puppet = await Puppet.at()
  await puppet.say(message(puppet.next(1)))
  const two = puppet.next(2)
  await puppet.say(message(puppet.next(3)))
  const [second, third] = [8, 9].map((byte) => chainIdOf(new Uint8Array(16).fill(byte)))
  await puppet.say({ type: 'hello', mine: { chain: second!, sequence: 2 }, yours: null })
  const inSecond = { chain: second!, clock: 90, payload: bytes('early in the second') }
  await puppet.say(message(puppet.next(2, inSecond)))
  const inThird = { chain: third!, previous: null, clock: 100 }
  await puppet.say(message(puppet.next(1, { ...inThird, payload: { envelope: two.subarray(1) } })))
  expect(texts(anna)).toEqual(['message 1', 'message 2'])
  await puppet.say(message(puppet.next(2, { chain: third!, clock: 101, payload: bytes('new') })))
  expect(texts(anna)).toEqual(['message 1', 'message 2', 'message 3', 'early in the second', 'new'])
  expect(await anna.store.early(BEN)).toEqual([])
})

test('what was left of a deleted history before anything new came does not end what is written now', async () => {
  const puppet = await Puppet.at()
  const now = chainIdOf(new Uint8Array(16).fill(8))
  await puppet.say({ type: 'hello', mine: { chain: now, sequence: 0 }, yours: null })
  await puppet.say(message(puppet.next(1)))
  await puppet.say({ type: 'hello', mine: { chain: now, sequence: 1 }, yours: null })
  await puppet.say(message(puppet.next(1, { chain: now, previous: null, clock: 2 })))
  expect(texts(anna)).toEqual(['message 1', 'message 1'])
  expect((await standing(anna)).theirs?.chain).toBe(now)
})

test('a late hello does not end the chain that has come since', async () => {
  const puppet = await Puppet.at()
  await puppet.say(message(puppet.next(1, { clock: 5 })))
  const before = chainIdOf(new Uint8Array(16).fill(8))
  await puppet.say({ type: 'hello', mine: { chain: before, sequence: 1 }, yours: null })
  await puppet.say(message(puppet.next(2, { clock: 6 })))
  await puppet.say(message(puppet.next(1, { chain: before, previous: null, clock: 1 })))
  expect(texts(anna)).toEqual(['message 1', 'message 2'])
  expect((await standing(anna)).theirs).toMatchObject({ chain: puppet.chain, sequence: 2 })
})

test('a chain begun on a backup from before the last one began is known by its time', async () => {
  const puppet = await Puppet.at()
  await puppet.say(message(puppet.next(1, { clock: 200, sentAtMs: 20 })))
  const begun = (byte: number, clock: number, sentAtMs: number): Promise<void> => {
    const chain = chainIdOf(new Uint8Array(16).fill(byte))
    return puppet.say(message(puppet.next(1, { chain, previous: null, clock, sentAtMs })))
  }
  await begun(8, 100, 20)
  expect(texts(anna)).toEqual(['message 1'])
  await begun(9, 100, 21)
  expect(texts(anna)).toEqual(['message 1', 'message 1'])
  expect(puppet.closed).toBe(false)
})

test('a chain that seemed to have ended is taken up again when they say that they write it', async () => {
  const puppet = await Puppet.at()
  const [one, two] = [puppet.next(1), puppet.next(2)]
  const chain = chainIdOf(new Uint8Array(16).fill(8))
  // Begun on the same backup before, it has come further; a relay gives it late.
  const late = puppet.next(1, { chain, previous: null, clock: 9, payload: bytes('late') })
  await puppet.say(message(one))
  await puppet.say(message(late))
  await puppet.say(message(two))
  expect(texts(anna)).toEqual(['message 1', 'late'])

  await puppet.say({ type: 'hello', mine: { chain: puppet.chain, sequence: 2 }, yours: null })
  await puppet.say(message(one))
  await puppet.say(message(two))

  expect(texts(anna).toSorted()).toEqual(['late', 'message 1', 'message 2'])
  expect((await standing(anna)).theirs).toMatchObject({ chain: puppet.chain, sequence: 2 })
  await puppet.say(message(late))
  expect((await standing(anna)).theirs?.chain).toBe(puppet.chain)
})

test('what waits of a chain begun on the same backup before is shown after what is carried over', async () => {
  const puppet = await Puppet.at()
  const before = chainIdOf(new Uint8Array(16).fill(8))
  const carried = ['one', 'two'].map((text, at) => {
    const own = chainIdOf(new Uint8Array(16).fill(9))
    const sequence = at + 1
    return puppet.next(sequence, { chain: own, payload: bytes(text) }).subarray(1)
  })
  const [one, two] = carried.map((envelope, at) => {
    const place = { clock: 11 + at, ...(at === 0 ? { previous: null } : {}) }
    return puppet.next(at + 1, { ...place, payload: { envelope } })
  })
  const three = puppet.next(3, { clock: 14, payload: bytes('new') })
  await puppet.say(message(one!))
  // It carried over the same two, which have not come.
  await puppet.say(message(puppet.next(3, { chain: before, clock: 13, payload: bytes('late') })))
  await puppet.say({ type: 'hello', mine: { chain: puppet.chain, sequence: 3 }, yours: null })
  expect(texts(anna)).toEqual(['one'])
  for (const each of [one, two]) await puppet.say(message(each!))
  expect(texts(anna)).toEqual(['one', 'two'])
  await puppet.say(message(three))
  expect(texts(anna)).toEqual(['one', 'two', 'late', 'new'])
  expect(await anna.store.early(BEN, before)).toEqual([])
})

test('what was said to an installation that a backup knows nothing of may be far ahead', async () => {
  const puppet = await Puppet.at()
  await puppet.say(message(puppet.next(1)))
  await puppet.say(message(puppet.next(2, { clock: 1 + MAX_CLOCK_JUMP })))
  expect(texts(anna)).toEqual(['message 1', 'message 2'])
})

test('as many ended chains as allowed are remembered, and the one that ended first is forgotten', async () => {
  const puppet = await Puppet.at()
  let clock = 0
  const begin = async (byte: number): Promise<ChainId | undefined> => {
    const chain = chainIdOf(new Uint8Array(16).fill(byte))
    await puppet.say(message(puppet.next(1, { chain, previous: null, clock: (clock += 1) })))
    return (await standing(anna)).theirs?.chain
  }
  const first = await begin(100)
  for (let ended = 1; ended <= MAX_PAST_CHAINS; ended += 1) await begin(100 + ended)
  expect(await begin(100)).not.toBe(first)
  await begin(200)
  expect(await begin(100)).toBe(first)
})

test.each<[string, (puppet: Puppet) => Frame | Uint8Array]>([
  ['bytes that are no frame', () => bytes('hello')],
  ['a fork', (puppet) => message(puppet.next(2, { previous: messageId(BEN, ANNA, bytes('')) }))],
  ['a clock that stands still', (puppet) => message(puppet.next(2, { clock: 1 }))],
  ['a clock that runs ahead', (puppet) => message(puppet.next(2, { clock: 2 + MAX_CLOCK_JUMP }))],
  ['a payload of another feature', (puppet) => message(puppet.next(2, { payload: bytes(BAD) }))],
  [
    'a payload of another feature behind a gap',
    (puppet) => message(puppet.next(9, { payload: bytes(BAD) })),
  ],
])('%s ends the channel and changes nothing', async (_what, frame) => {
  const puppet = await Puppet.at()
  await puppet.say(message(puppet.next(1)))
  await puppet.say(frame(puppet))
  expect(puppet.closed).toBe(true)
  expect(texts(anna)).toEqual(['message 1'])
})

test('a new chain may begin at a later clock, but not at any', async () => {
  const puppet = await Puppet.at()
  await puppet.say(message(puppet.next(1, { clock: MAX_CLOCK_JUMP + 1 })))
  expect(puppet.closed).toBe(true)
  expect(texts(anna)).toEqual([])
  const again = await Puppet.at()
  await again.say(message(again.next(1, { clock: MAX_CLOCK_JUMP })))
  expect(texts(anna)).toEqual(['message 1'])
})

test('who says to hold what was never sent is cut off', async () => {
  await say(anna, 'one')
  const puppet = await Puppet.at()
  const { chain } = (await standing(anna)).mine
  await puppet.say({ type: 'ack', chain, received: 2 })
  expect(puppet.closed).toBe(true)
  expect((await standing(anna)).mine.received).toBe(0)
})

test('an acknowledgement of a chain that is not mine any more changes nothing', async () => {
  await say(anna, 'one')
  const puppet = await Puppet.at()
  await puppet.say({ type: 'ack', chain: chainIdOf(new Uint8Array(16)), received: 1 })
  expect(puppet.closed).toBe(false)
  expect((await standing(anna)).mine.received).toBe(0)
})
