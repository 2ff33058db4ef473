import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { DISAPPEAR_AFTER_MS, EDIT_WITHIN_MS, type Message } from '#lib/features/chat/api.ts'
import {
  CannotEditError,
  EmptyTextError,
  UnknownConversationError,
  UnknownMessageError,
} from '#lib/features/chat/errors.ts'
import { SHOWN_FOR_MS, TELL_EVERY_MS } from '#lib/features/chat/typing.ts'
import { ChatJournal } from '#lib/features/chat/journal.ts'
import { DexieDeliveryStore } from '#lib/delivery/store.ts'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import type { MessageId } from '#lib/protocol/ids.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import { FakeNetwork, settled } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { befriend, person, reopened, type Person } from '../../../fixtures/person.ts'
import { until } from '../../../fixtures/until.ts'
import { noFiles } from '../../../fixtures/no-files.ts'

const [HOUR] = DISAPPEAR_AFTER_MS

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
  await befriend(network, anna, ben)
})

afterEach(async () => {
  await anna.stop()
  await ben.stop()
  expect(clock.pending).toBe(0)
})

const other = (of: Person): Person => (of === anna ? ben : anna)
const say = (from: Person, text: string, reply?: MessageId): Promise<MessageId> =>
  from.chat.send(other(from).peer, text, `intent ${(intents += 1)}`, reply && { reply })

function messages(of: Person, holds: (all: Message[]) => boolean): Promise<Message[]> {
  const window = { around: 'end', before: 100, after: 0 } as const
  const ofPage = ({ items }: { items: { type: string }[] }) =>
    items.filter((item): item is Message => item.type === 'message')
  const watch = of.chat.watchTimeline(other(of).peer, window)
  return until(watch, (page) => holds(ofPage(page))).then(ofPage)
}

/** The message once it is as wanted. */
async function message(
  of: Person,
  id: MessageId,
  holds: (message: Message) => boolean = () => true,
): Promise<Message> {
  const found = (all: Message[]) => all.find((each) => each.id === id)
  const all = await messages(of, (each) => found(each) !== undefined && holds(found(each)!))
  return found(all)!
}

const conversation = async (of: Person) => {
  const list = await until(of.chat.watchConversations())
  return list.find(({ id }) => id === other(of).peer)!
}

/** Whether these words lie anywhere in the person's database, also inside of bytes. */
async function keeps(of: Person, words: string): Promise<boolean> {
  const rows = await Promise.all(of.db.tables.map((table) => table.toArray()))
  const bytes = (_key: string, value: unknown) =>
    value instanceof Uint8Array ? new TextDecoder().decode(value) : value
  return JSON.stringify(rows, bytes).includes(words)
}

async function outboxKeeps(of: Person, words: string): Promise<boolean> {
  const rows = await of.db.outbox.toArray()
  return rows.some(({ envelope }) => new TextDecoder().decode(envelope).includes(words))
}

async function restarted(of: Person): Promise<Person> {
  await of.stop()
  const again = await reopened(network, clock, of.db)
  if (of === anna) anna = again
  else ben = again
  return again
}

describe('an edit', () => {
  test('changes a message for both, and says so', async () => {
    const id = await say(anna, 'see you at six')
    await message(ben, id)
    clock.advance(5_000)
    await anna.chat.edit(ben.peer, id, 'see you at seven')

    const there = await message(ben, id, ({ editedAtMs }) => editedAtMs !== null)
    expect(there).toMatchObject({ text: 'see you at seven', editedAtMs: clock.now() })
    expect(await message(anna, id)).toMatchObject({ text: 'see you at seven' })
    expect(await conversation(ben)).toMatchObject({ unread: 1, last: { text: 'see you at seven' } })
    expect(await ben.chat.search('six')).toEqual([])
    expect(await ben.chat.search('seven')).toHaveLength(1)
  })

  test('is on its way by itself: what is shown is not called read before it is', async () => {
    const id = await say(anna, 'see you at six')
    await message(ben, id)
    await ben.chat.markRead(anna.peer, id)
    await message(anna, id, ({ state }) => state === 'read')
    const readAtMs = clock.now()
    network.disconnect(anna.host, ben.host)
    clock.advance(5_000)
    await anna.chat.edit(ben.peer, id, 'see you at seven')
    expect(await message(anna, id)).toMatchObject({ text: 'see you at seven', state: 'queued' })
    expect(await conversation(anna)).toMatchObject({ last: { state: 'queued' } })

    network.connect(anna.host, ben.host)
    await message(anna, id, ({ state }) => state === 'delivered')
    const { receivedAtMs } = await until(anna.chat.watchProgress(ben.peer, id))
    expect(receivedAtMs).toBeGreaterThan(readAtMs)
    await ben.chat.markRead(anna.peer, id)
    await message(anna, id, ({ state }) => state === 'read')
  })

  test('that came before the next message was read is read with what it changes', async () => {
    const id = await say(anna, 'see you at six')
    await anna.chat.edit(ben.peer, id, 'see you at seven')
    const next = await say(anna, 'or at eight')
    await message(ben, next)
    await ben.chat.markRead(anna.peer, id)
    await message(anna, id, ({ state }) => state === 'read')
    expect(await message(anna, next)).toMatchObject({ state: 'delivered' })
  })

  test('leaves drafts and what was said since where they are', async () => {
    const id = await say(anna, 'one')
    await say(anna, 'two')
    await anna.chat.saveDraft(ben.peer, 'half a thou')
    await anna.chat.edit(ben.peer, id, 'ONE')
    expect(await conversation(anna)).toMatchObject({ draft: 'half a thou', last: { text: 'two' } })
  })

  test('is refused of theirs, after 48 hours, of what is not here, and with nothing', async () => {
    const theirs = await say(ben, 'mine')
    await message(anna, theirs)
    await expect(anna.chat.edit(ben.peer, theirs, 'x')).rejects.toThrow(CannotEditError)
    const mine = await say(anna, 'old')
    await expect(anna.chat.edit(ben.peer, mine, ' ')).rejects.toThrow(EmptyTextError)
    await expect(anna.chat.edit(anna.peer, mine, 'x')).rejects.toThrow(UnknownMessageError)
    clock.advance(EDIT_WITHIN_MS)
    await anna.chat.edit(ben.peer, mine, 'just in time')
    clock.advance(1)
    await expect(anna.chat.edit(ben.peer, mine, 'x')).rejects.toThrow(CannotEditError)
  })

  test('is not sent when it changes nothing', async () => {
    const id = await say(anna, 'same')
    await anna.chat.edit(ben.peer, id, 'same')
    expect(await anna.db.outbox.count()).toBe(1)
  })

  test('that was changed again leaves nothing of itself in the outbox', async () => {
    const id = await say(anna, 'one')
    await anna.chat.edit(ben.peer, id, 'embarrassing')
    await anna.chat.edit(ben.peer, id, 'three')
    await message(ben, id, ({ text }) => text === 'three')
    expect(await keeps(anna, 'embarrassing')).toBe(false)
  })
})

describe('deleting for both', () => {
  test('leaves the words on neither device', async () => {
    const id = await say(anna, 'the gate code')
    await message(ben, id)
    await anna.chat.edit(ben.peer, id, 'the new gate code')
    await ben.chat.react(anna.peer, id, '👍')
    await message(anna, id, ({ reactions }) => reactions.theirs === '👍')
    await anna.chat.deleteForBoth(ben.peer, id)

    for (const each of [anna, ben]) {
      expect(await message(each, id, ({ deleted }) => deleted)).toMatchObject({
        text: '',
        editedAtMs: null,
        reactions: { mine: null, theirs: null },
        unread: false,
      })
      expect(await keeps(each, 'gate code')).toBe(false)
      expect(await conversation(each)).toMatchObject({
        unread: 0,
        last: { text: '', deleted: true },
      })
    }
  })

  test('before it was delivered keeps it from ever going out', async () => {
    network.disconnect(anna.host, ben.host)
    await say(anna, 'one')
    const id = await say(anna, 'the gate code')
    await say(anna, 'three')
    await anna.chat.deleteForBoth(ben.peer, id)
    expect(await keeps(anna, 'the gate code')).toBe(false)
    network.connect(anna.host, ben.host)

    const all = await messages(ben, ({ length }) => length === 2)
    expect(all.map(({ text }) => text)).toEqual(['one', 'three'])
    await say(anna, 'four')
    await messages(ben, ({ length }) => length === 3)
    expect(await keeps(ben, 'the gate code')).toBe(false)
  })

  test('is refused of theirs, and done once', async () => {
    const id = await say(ben, 'theirs')
    await message(anna, id)
    await expect(anna.chat.deleteForBoth(ben.peer, id)).rejects.toThrow(UnknownMessageError)
    const mine = await say(anna, 'mine')
    await anna.chat.deleteForBoth(ben.peer, mine)
    const count = await anna.db.outbox.count()
    await anna.chat.deleteForBoth(ben.peer, mine)
    expect(await anna.db.outbox.count()).toBe(count)
    await expect(anna.chat.react(ben.peer, mine, '👍')).rejects.toThrow(UnknownMessageError)
    await expect(anna.chat.edit(ben.peer, mine, 'x')).rejects.toThrow(CannotEditError)
  })

  test('leaves what answered it, and says that it is gone', async () => {
    const id = await say(anna, 'question')
    await message(ben, id)
    const answer = await say(ben, 'answer', id)
    expect((await message(anna, answer)).reply).toEqual({
      id,
      said: { mine: true, text: 'question', attachment: null },
    })
    await anna.chat.deleteForBoth(ben.peer, id)
    const { reply } = await message(ben, answer, (each) => each.reply?.said === null)
    expect(reply).toEqual({ id, said: null })
  })
})

test('a message deleted here is deleted here alone, and still delivered', async () => {
  network.disconnect(anna.host, ben.host)
  await say(anna, 'stays')
  const id = await say(anna, 'goes')
  await anna.chat.deleteForMe(ben.peer, id)
  expect(await conversation(anna)).toMatchObject({ last: { text: 'stays' } })
  network.connect(anna.host, ben.host)
  await message(ben, id)
  await until(anna.chat.watchTimeline(ben.peer, { around: 'end', before: 9, after: 0 }), (page) =>
    page.items.every((item) => item.type === 'message' && item.state === 'delivered'),
  )
  expect(await keeps(anna, 'goes')).toBe(false)

  await ben.chat.deleteForMe(anna.peer, id)
  expect(await conversation(ben)).toMatchObject({ unread: 1, last: { text: 'stays' } })
})

test('each person has one reaction on a message, which is no message of its own', async () => {
  const id = await say(anna, 'look')
  await message(ben, id)
  await ben.chat.markRead(anna.peer, id)
  await ben.chat.react(anna.peer, id, '👍')
  await ben.chat.react(anna.peer, id, '🔥')
  await anna.chat.setArchived(ben.peer, true)
  const there = await message(anna, id, ({ reactions }) => reactions.theirs === '🔥')
  expect(there.reactions).toEqual({ mine: null, theirs: '🔥' })
  expect((await message(ben, id)).reactions).toEqual({ mine: '🔥', theirs: null })
  expect(await conversation(anna)).toMatchObject({ unread: 0, last: { text: 'look' } })

  await ben.chat.react(anna.peer, id, null)
  await message(anna, id, ({ reactions }) => reactions.theirs === null)
  await expect(ben.chat.react(anna.peer, id, 'yes')).rejects.toThrow(InvalidDataError)
})

test('what is brought along from elsewhere says so, and is not the draft', async () => {
  await anna.chat.saveDraft(ben.peer, 'half a thou')
  const id = await anna.chat.send(ben.peer, 'news', 'forward', { forwarded: true })
  expect((await message(ben, id)).forwarded).toBe(true)
  expect(await conversation(anna)).toMatchObject({ draft: 'half a thou' })
})

test('with somebody who is no contact any more nothing can be changed', async () => {
  const id = await say(anna, 'hello')
  await message(ben, id)
  await anna.contacts.remove(ben.peer, 'keep')
  await until(anna.contacts.watchContacts(), (list) => list.length === 0)
  await settled()
  await expect(anna.chat.edit(ben.peer, id, 'x')).rejects.toThrow(UnknownConversationError)
  await expect(anna.chat.setDisappearing(ben.peer, HOUR)).rejects.toThrow(UnknownConversationError)
  await anna.chat.deleteForMe(ben.peer, id)
  expect(await anna.db.messages.count()).toBe(0)
})

describe('what disappears', () => {
  beforeEach(async () => {
    await anna.chat.setDisappearing(ben.peer, HOUR)
    await until(ben.chat.watchConversations(), (list) =>
      list.some(({ disappearing }) => disappearing === HOUR),
    )
  })

  test('is announced to both, and is no message', async () => {
    expect(await conversation(ben)).toMatchObject({ disappearing: HOUR, unread: 0, last: null })
    const page = await until(
      ben.chat.watchTimeline(anna.peer, { around: 'end', before: 9, after: 0 }),
    )
    expect(page.items).toMatchObject([{ type: 'disappearing', mine: false, afterMs: HOUR }])
    await ben.chat.setDisappearing(anna.peer, 0)
    await until(anna.chat.watchConversations(), (list) =>
      list.every(({ disappearing }) => disappearing === 0),
    )
  })

  test('goes an hour after it was sent here, and an hour after it was read there', async () => {
    const id = await say(ben, 'fleeting')
    expect((await message(anna, id)).disappearsAtMs).toBeNull()
    expect((await message(ben, id)).disappearsAtMs).toBe(clock.now() + HOUR)
    clock.advance(HOUR - 1)
    await settled()
    await message(ben, id)
    await anna.chat.markRead(ben.peer, id)
    clock.advance(1)
    await messages(ben, ({ length }) => length === 0)
    expect(await keeps(ben, 'fleeting')).toBe(false)
    expect(await conversation(ben)).toMatchObject({ last: null })

    await message(anna, id)
    clock.advance(HOUR - 1)
    await messages(anna, ({ length }) => length === 0)
    expect(await keeps(anna, 'fleeting')).toBe(false)
  })

  test('also goes when nothing ran at its time', async () => {
    const id = await say(anna, 'fleeting')
    await message(ben, id)
    await anna.stop()
    clock.advance(HOUR)
    anna = await reopened(network, clock, anna.db)
    await messages(anna, ({ length }) => length === 0)
  })

  test('is still delivered when its time is over here, and then leaves the outbox too', async () => {
    network.disconnect(anna.host, ben.host)
    const id = await say(anna, 'fleeting')
    clock.advance(HOUR)
    await messages(anna, ({ length }) => length === 0)
    await restarted(anna)
    network.connect(anna.host, ben.host)
    await message(ben, id)
    await settled(20)
    expect(await keeps(anna, 'fleeting')).toBe(false)
    expect(await keeps(ben, 'fleeting')).toBe(true)
  })

  test('leaves the outbox once it is read: nobody who restores a backup reads it again', async () => {
    const id = await say(anna, 'fleeting')
    await message(ben, id)
    await message(anna, id, ({ state }) => state === 'delivered')
    expect(await outboxKeeps(anna, 'fleeting')).toBe(true)
    await ben.chat.markRead(anna.peer, id)
    await message(anna, id, ({ state }) => state === 'read')
    expect(await outboxKeeps(anna, 'fleeting')).toBe(false)
  })

  test('and was deleted for both before it was read goes too', async () => {
    const id = await say(anna, 'fleeting')
    await message(ben, id)
    await anna.chat.deleteForBoth(ben.peer, id)
    await message(ben, id, ({ deleted }) => deleted)
    clock.advance(HOUR)
    await messages(ben, ({ length }) => length === 0)
  })
})

describe('typing', () => {
  /** Resolves once exactly these write to this person. */
  async function writing(to: Person, those: Person[]): Promise<void> {
    const wanted = those.map(({ peer }) => peer)
    for (;;) {
      const now = await until(to.chat.watchTyping())
      if (now.join() === wanted.join()) return
      await settled()
    }
  }

  beforeEach(async () => {
    // From then on they have a channel.
    await message(anna, await say(anna, 'hello'), ({ state }) => state === 'delivered')
  })

  test('is shown to the other, and ends by itself', async () => {
    await anna.chat.setTyping(ben.peer, true)
    await writing(ben, [anna])
    clock.advance(SHOWN_FOR_MS - 1)
    await writing(ben, [anna])
    clock.advance(1)
    await writing(ben, [])
  })

  test('is told now and then, however often it is said', async () => {
    await anna.chat.setTyping(ben.peer, true)
    await writing(ben, [anna])
    clock.advance(TELL_EVERY_MS - 1)
    await anna.chat.setTyping(ben.peer, true)
    await settled(10)
    clock.advance(SHOWN_FOR_MS - TELL_EVERY_MS + 1)
    await writing(ben, [])
    await anna.chat.setTyping(ben.peer, true)
    await writing(ben, [anna])
  })

  test('ends with the message, or when it is said to', async () => {
    await anna.chat.setTyping(ben.peer, true)
    await writing(ben, [anna])
    await say(anna, 'done')
    await writing(ben, [])
    await anna.chat.setTyping(ben.peer, true)
    await writing(ben, [anna])
    await anna.chat.setTyping(ben.peer, false)
    await writing(ben, [])
  })

  test('ends with a file', async () => {
    await anna.chat.setTyping(ben.peer, true)
    await writing(ben, [anna])
    const file = { file: new Blob(['south']), name: 'notes.txt', look: { kind: 'file' } as const }
    await anna.chat.sendFile(ben.peer, { ...file, caption: 'look' }, 'the notes')
    await writing(ben, [])
  })

  test('is kept nowhere and told to nobody who is not here', async () => {
    network.disconnect(anna.host, ben.host)
    await anna.chat.setTyping(ben.peer, true)
    network.connect(anna.host, ben.host)
    await message(ben, await say(anna, 'here again'))
    await writing(ben, [])
    expect(await anna.db.outbox.count()).toBe(2)
  })
})

test('who does not tell what they have read tells nobody, and is not told', async () => {
  const fromAnna = await say(anna, 'to Ben')
  const fromBen = await say(ben, 'to Anna')
  await ben.choose({ readReceipts: false })
  await message(ben, fromAnna)
  await message(anna, fromBen)
  await ben.chat.markRead(anna.peer, fromAnna)
  await anna.chat.markRead(ben.peer, fromBen)
  network.renew(anna.host, ben.host)
  await settled(20)
  expect((await message(anna, fromAnna)).state).toBe('delivered')
  expect((await message(ben, fromBen)).state).toBe('delivered')
  expect((await anna.db.chains.get(ben.peer))?.mine.read).toBe(0)

  await restarted(ben)
  network.connect(anna.host, ben.host)
  await settled(20)
  expect((await message(anna, fromAnna)).state).toBe('delivered')

  await ben.choose({ readReceipts: true })
  await message(anna, fromAnna, ({ state }) => state === 'read')
  await message(ben, fromBen, ({ state }) => state === 'read')
})

test('when each state was learned is kept', async () => {
  await message(anna, await say(anna, 'first'), ({ state }) => state === 'delivered')
  network.disconnect(anna.host, ben.host)
  const id = await say(anna, 'hello')
  const progress = (holds: (each: { readAtMs: number | null }) => boolean = () => true) =>
    until(anna.chat.watchProgress(ben.peer, id), holds)
  expect(await progress()).toEqual({
    ...{ storedAtMs: null, relays: [], receivedAtMs: null, readAtMs: null },
  })
  const sentAtMs = clock.now()
  const relays = [{ relay: 'one.example', atMs: sentAtMs + 1 }]
  const receipts = relays.map((each) => ({ ...each, store: 'one' }))
  const chains = (await anna.db.chains.get(ben.peer))!
  await anna.db.outbox.update([ben.peer, chains.mine.chain, 2], { receipts })
  clock.advance(1_000)
  network.connect(anna.host, ben.host)
  await message(ben, id)
  await message(anna, id, ({ state }) => state === 'delivered')
  clock.advance(1_000)
  await ben.chat.markRead(anna.peer, id)
  expect(await progress(({ readAtMs }) => readAtMs !== null)).toEqual({
    storedAtMs: null,
    relays,
    receivedAtMs: sentAtMs + 1_000,
    readAtMs: sentAtMs + 2_000,
  })
  // A later message that is stored says nothing of when this one was.
  const { mine, ...rest } = (await anna.db.chains.get(ben.peer))!
  await say(anna, 'more')
  await anna.db.progress.put({
    ...{ peer: ben.peer, chain: mine.chain, state: 'stored', upTo: 3, atMs: clock.now() },
  })
  expect(rest.peer).toBe(ben.peer)
  expect(await progress()).toMatchObject({ storedAtMs: null })
})

test('what never lay at a relay is not called stored, however finely time is told', async () => {
  network.disconnect(anna.host, ben.host)
  const id = await say(anna, 'hello')
  let looks = 0
  const ticking: Clock = {
    now: () => clock.now() + (looks += 1),
    after: (delayMs, call) => clock.after(delayMs, call),
  }
  const journal = new ChatJournal(anna.db, anna.peer, ticking, noFiles)
  const store = new DexieDeliveryStore(anna.db, journal, ticking)
  const { mine, ...chains } = (await store.chains(ben.peer))!
  await store.putChains({ ...chains, mine: { ...mine, stored: 1, received: 1 } })
  const progress = await until(anna.chat.watchProgress(ben.peer, id), () => true)
  expect(progress.receivedAtMs).not.toBeNull()
  expect(progress.storedAtMs).toBeNull()
})

const act = fc.record({
  who: fc.constantFrom('anna' as const, 'ben' as const),
  what: fc.constantFrom(
    ...(['say', 'reply', 'edit', 'delete', 'react', 'timer', 'apart', 'together'] as const),
  ),
  at: fc.nat(5),
  text: fc.constantFrom('a', 'b', 'c'),
})

test('whatever both do while apart, in the end both see the same', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 25 }), async (acts) => {
      await anna.stop()
      await ben.stop()
      anna = await person(network, clock, 'Anna')
      ben = await person(network, clock, 'Ben')
      await befriend(network, anna, ben)
      const said: MessageId[] = []
      for (const { who, what, at, text } of acts) {
        const me = who === 'anna' ? anna : ben
        const peer = other(me).peer
        const which = said[at % Math.max(1, said.length)]
        if (what === 'apart') network.disconnect(anna.host, ben.host)
        else if (what === 'together') network.connect(anna.host, ben.host)
        else if (what === 'say') said.push(await say(me, text))
        else if (what === 'timer') await me.chat.setDisappearing(peer, at < 2 ? 0 : HOUR)
        else if (which !== undefined) {
          const done =
            what === 'reply'
              ? say(me, text, which).then((id) => said.push(id))
              : what === 'edit'
                ? me.chat.edit(peer, which, `${text} edited`)
                : what === 'delete'
                  ? me.chat.deleteForBoth(peer, which)
                  : me.chat.react(peer, which, at === 0 ? null : ['👍', '🔥'][at % 2]!)
          // Of theirs, deleted, or not here yet.
          await done.catch((error: unknown) => {
            expect([CannotEditError, UnknownMessageError]).toContain((error as Error).constructor)
          })
        }
      }
      network.connect(anna.host, ben.host)
      await say(anna, 'the end of Anna')
      await say(ben, 'the end of Ben')
      const seen = async (of: Person) => {
        const page = await until(
          of.chat.watchTimeline(other(of).peer, { around: 'end', before: 200, after: 0 }),
          ({ items }) =>
            ['Anna', 'Ben'].every((name) =>
              items.some((item) => item.type === 'message' && item.text === `the end of ${name}`),
            ),
        )
        const row = await conversation(of)
        return {
          disappearing: row.disappearing,
          // Whoever takes back what never went out still sees that there was something.
          items: page.items.flatMap((item) =>
            item.type === 'message' && item.deleted
              ? []
              : item.type === 'message'
                ? {
                    ...{ id: item.id, text: item.text },
                    ...{ edited: item.editedAtMs, reply: item.reply?.said?.text },
                    by: item.mine === (of === anna) ? 'Anna' : 'Ben',
                    reactions:
                      of === anna
                        ? [item.reactions.mine, item.reactions.theirs]
                        : [item.reactions.theirs, item.reactions.mine],
                  }
                : item.id,
          ),
        }
      }
      expect(await seen(ben)).toEqual(await seen(anna))
    }),
    { numRuns: 12 },
  )
}, 120_000)
