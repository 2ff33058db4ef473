import { describe, expect, test } from 'vitest'
import type {
  ChatApi,
  ConversationId,
  Message,
  TimelinePage,
  TimelineWindow,
} from '../../../../../src/lib/features/chat/api.ts'
import {
  ConversationView,
  NEAR_ROWS,
  SIDE_ITEMS,
} from '../../../../../src/lib/features/chat/ui/conversation-view.svelte.ts'
import type { MessageId } from '../../../../../src/lib/protocol/ids.ts'
import { ANNA, message } from './messages.ts'

/** A timeline that the test writes and the view watches. */
class Talk {
  items: Message[]
  readonly asked: TimelineWindow['around'][] = []
  readonly read: MessageId[] = []
  refusing = false
  #changed = Promise.withResolvers<undefined>()

  /** @param unreadFrom the first message not read */
  constructor(count: number, unreadFrom = count) {
    this.items = Array.from({ length: count }, (_, index) =>
      message(String(index), { unread: index >= unreadFrom }),
    )
  }

  say(...texts: string[]): void {
    this.items = [...this.items, ...texts.map((text) => message(text, { unread: true }))]
    this.changed()
  }

  changed(): void {
    const { resolve } = this.#changed
    this.#changed = Promise.withResolvers()
    resolve(undefined)
  }

  get chat(): ChatApi {
    const watchTimeline = (_: ConversationId, window: TimelineWindow) => {
      this.asked.push(window.around)
      return this.#pages(window)
    }
    const markRead = (_: ConversationId, upTo: MessageId) => {
      if (this.refusing) return Promise.reject(new Error('not now'))
      this.read.push(upTo)
      const last = this.items.findIndex(({ id }) => id === upTo)
      this.items = this.items.map((item, at) => (at > last ? item : { ...item, unread: false }))
      this.changed()
      return Promise.resolve()
    }
    return { watchTimeline, markRead } as Partial<ChatApi> as ChatApi
  }

  async *#pages({ around, before, after }: TimelineWindow): AsyncGenerator<TimelinePage> {
    const pinned = this.items.find(({ unread }) => unread)?.id
    for (;;) {
      const { promise } = this.#changed
      if (this.refusing) throw new Error('not now')
      const place = around === 'unread' ? pinned : around
      const at = this.items.findIndex(({ id }) => id === place)
      const middle = at === -1 ? this.items.length : at
      const first = Math.max(0, middle - before)
      const end = middle + 1 + after
      yield {
        items: this.items.slice(first, end),
        hasOlder: first > 0,
        hasNewer: end < this.items.length,
        firstUnread: this.items.find(({ unread }) => unread)?.id ?? null,
      }
      await promise
    }
  }
}

/** Lets everything that was started come to rest: nothing here waits for more than promises. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn += 1) await Promise.resolve()
}

async function open(talk: Talk): Promise<ConversationView> {
  const view = new ConversationView(talk.chat, ANNA)
  view.open()
  await settle()
  return view
}

const texts = (view: ConversationView) =>
  view.rows.flatMap((row) => (row.type === 'message' ? [row.message.text] : []))
const id = (text: string) => text as MessageId

/** Says that the rows around this message are in sight; with `end`, the last ones. */
async function lookAt(view: ConversationView, at: string, attended = true): Promise<void> {
  const { rows } = view
  const row = at === 'end' ? rows.length - 1 : rows.findIndex(({ key }) => key === at)
  const lastRow = Math.min(rows.length - 1, row + 5)
  view.look({
    firstRow: Math.max(0, row - 5),
    lastRow,
    atEnd: lastRow === rows.length - 1 && !view.hasNewer,
    attended,
  })
  await settle()
}

const line = (view: ConversationView): string | null => {
  const at = view.rows.findIndex(({ type }) => type === 'unread')
  return at === -1 ? null : view.rows[at + 1]!.key
}

describe('an open conversation', () => {
  test('begins at the end when all is read', async () => {
    const view = await open(new Talk(1_000))
    expect(texts(view)).toHaveLength(SIDE_ITEMS)
    expect(texts(view).at(-1)).toBe('999')
    expect(view.landing?.at).toBe('unread')
    expect(line(view)).toBeNull()
  })

  test('begins at the first unread message, however far back it is', async () => {
    const view = await open(new Talk(10_000, 2_000))
    expect(line(view)).toBe('2000')
    expect(texts(view)).toHaveLength(2 * SIDE_ITEMS + 1)
    expect(view.hasNewer).toBe(true)
  })

  test('can be read to its beginning and back, and never holds much', async () => {
    const count = 5_000
    const view = await open(new Talk(count))
    const seen = new Set<string>()
    const held: number[] = []
    const { stretch } = view
    for (let at = count - 1; at >= 0; at -= 10) {
      await lookAt(view, String(at))
      for (const text of texts(view)) seen.add(text)
      held.push(texts(view).length)
      expect(texts(view)).toContain(String(Math.max(0, at - 10)))
    }
    expect(seen.size).toBe(count)
    for (let at = 0; at < count; at += 10) {
      await lookAt(view, String(at))
      expect(texts(view)).toContain(String(Math.min(count - 1, at + 10)))
    }
    await lookAt(view, 'end')
    expect(view.hasNewer).toBe(false)
    expect(Math.max(...held)).toBeLessThanOrEqual(2 * SIDE_ITEMS + 1)
    expect(view.stretch).toBe(stretch)
  })

  test('changes its end before its start, so that a list keeps its place', async () => {
    const view = await open(new Talk(1_000))
    await lookAt(view, '900')
    const laid: { texts: string[]; startMoved: boolean }[] = []
    const before = texts(view)
    view.look({ firstRow: 0, lastRow: 10, atEnd: false, attended: true })
    for (let turn = 0; turn < 100; turn += 1) {
      await Promise.resolve()
      if (texts(view).join() !== (laid.at(-1)?.texts ?? before).join()) {
        laid.push({ texts: texts(view), startMoved: view.startMoved })
      }
    }
    expect(laid).toHaveLength(2)
    expect(laid[0]!.startMoved).toBe(false)
    expect(laid[0]!.texts[0]).toBe(before[0])
    expect(laid[1]!.startMoved).toBe(true)
    expect(laid[1]!.texts.at(-1)).toBe(laid[0]!.texts.at(-1))
  })

  test('moves on once, however often it is looked at', async () => {
    const talk = new Talk(1_000)
    const view = await open(talk)
    await lookAt(view, 'end')
    expect(talk.asked).toHaveLength(1)
    const sight = { firstRow: 10, lastRow: 20, atEnd: false, attended: true }
    for (let time = 0; time < 3; time += 1) view.look(sight)
    await settle()
    expect(talk.asked).toHaveLength(2)
    expect(NEAR_ROWS).toBeGreaterThan(20)
  })

  test('keeps what is being read when many new messages come', async () => {
    const talk = new Talk(1_000)
    const view = await open(talk)
    await lookAt(view, '990')
    talk.say(...Array.from({ length: 500 }, (_, index) => `new ${index}`))
    await settle()
    expect(texts(view)).toContain('985')
    expect(texts(view)).toContain('999')
    expect(view.hasNewer).toBe(true)
  })

  test('carries a reader at the end along, however much comes', async () => {
    const talk = new Talk(1_000)
    const view = await open(talk)
    for (let count = 0; count < 1_000; count += 1) {
      await lookAt(view, 'end')
      talk.say(`new ${count}`)
      await settle()
      expect(texts(view).at(-1)).toBe(`new ${count}`)
      expect(texts(view).length).toBeLessThanOrEqual(2 * SIDE_ITEMS + 1)
    }
    // A window moves only now and then, not with every message.
    expect(talk.asked.length).toBeLessThan(30)
    await lookAt(view, 'end')
    talk.say(...Array.from({ length: 5_000 }, (_, index) => `at once ${index}`))
    await settle()
    expect(texts(view).at(-1)).toBe('at once 4999')
  })

  test('goes to a found message anywhere, and back to the end', async () => {
    const view = await open(new Talk(100_000))
    view.goTo(id('7'))
    await settle()
    expect(view.landing).toEqual({ at: '7', stretch: view.stretch })
    expect(view.message(id('7'))?.text).toBe('7')
    expect(view.hasNewer).toBe(true)

    view.goTo('end')
    await settle()
    expect(view.landing).toEqual({ at: 'end', stretch: view.stretch })
    expect(texts(view).at(-1)).toBe('99999')
  })

  test('goes to a found message that is here without asking again', async () => {
    const talk = new Talk(100)
    const view = await open(talk)
    const { stretch } = view
    view.goTo(id('7'))
    expect(view.landing).toEqual({ at: '7', stretch })
    expect(talk.asked).toHaveLength(1)
  })

  test('may begin at a found message', async () => {
    const talk = new Talk(10_000)
    const view = new ConversationView(talk.chat, ANNA)
    view.goTo(id('70'))
    view.open()
    await settle()
    expect(view.landing?.at).toBe('70')
    expect(talk.asked).toEqual(['70'])
  })

  test('shows the end for a message that is gone', async () => {
    const view = await open(new Talk(1_000))
    view.goTo(id('gone'))
    await settle()
    expect(view.landing?.at).toBe('gone')
    expect(view.message(id('gone'))).toBeNull()
    expect(texts(view).at(-1)).toBe('999')
  })

  test('is empty again when the history was deleted', async () => {
    const talk = new Talk(10)
    const view = await open(talk)
    talk.items = []
    talk.changed()
    await settle()
    expect(view.rows).toEqual([])
  })

  test('says when it cannot be read, and recovers', async () => {
    const talk = new Talk(3)
    talk.refusing = true
    const view = await open(talk)
    expect(view.failed).toBe(true)

    talk.refusing = false
    view.retry()
    await settle()

    expect(view.failed).toBe(false)
    expect(texts(view)).toHaveLength(3)
  })

  test('shows nothing more once it is closed', async () => {
    const talk = new Talk(3)
    const view = new ConversationView(talk.chat, ANNA)
    const close = view.open()
    await settle()
    close()
    talk.say('late')
    await settle()
    expect(texts(view)).not.toContain('late')
  })
})

describe('the line of new messages', () => {
  test('does not come for messages that come before the reader’s eyes', async () => {
    const talk = new Talk(3)
    const view = await open(talk)
    await lookAt(view, 'end')
    talk.say('seen')
    await settle()
    expect(line(view)).toBeNull()
  })

  test('does not come for the first message of a conversation that is open', async () => {
    const talk = new Talk(0)
    const view = await open(talk)
    talk.say('first')
    await settle()
    expect(line(view)).toBeNull()
  })

  test('comes for those that come while the page is hidden', async () => {
    const talk = new Talk(3)
    const view = await open(talk)
    await lookAt(view, 'end', false)
    talk.say('one', 'two')
    await settle()
    expect(line(view)).toBe('one')
  })

  test('comes for those that come while the reader is further up', async () => {
    const talk = new Talk(200)
    const view = await open(talk)
    await lookAt(view, '100')
    talk.say('one')
    await settle()
    talk.say('two')
    await settle()
    expect(line(view)).toBe('one')
  })

  test('stays while it is read past, and moves when new ones come unattended after all was read', async () => {
    const talk = new Talk(30, 20)
    const view = await open(talk)
    expect(line(view)).toBe('20')
    await lookAt(view, '15')
    await view.seen(['20', '21', '22'].map(id))
    await settle()
    expect(line(view)).toBe('20')
    await view.seen(texts(view).map(id))
    await settle()
    expect(line(view)).toBe('20')
    await lookAt(view, 'end', false)
    talk.say('later')
    await settle()
    expect(line(view)).toBe('later')
  })

  test('does not come where older ones, unread as well, are out of the window', async () => {
    const view = await open(new Talk(1_000, 100))
    view.goTo('end')
    await settle()
    expect(line(view)).toBeNull()
  })
})

describe('what was on the screen', () => {
  test('is marked as read, each once', async () => {
    const talk = new Talk(3, 0)
    talk.items = [...talk.items, message('mine', { mine: true })]
    const view = await open(talk)

    await view.seen(['0', '1'].map(id))
    await view.seen(['mine'].map(id))
    await view.seen(['1', '2', 'mine'].map(id))
    await view.seen(['0'].map(id))

    expect(talk.read).toEqual([id('1'), id('2')])
  })

  test('is not marked as read before all that came earlier was there too', async () => {
    const talk = new Talk(5, 1)
    const view = await open(talk)

    await view.seen(['3', '4'].map(id))
    expect(talk.read).toEqual([])
    await view.seen(['1'].map(id))
    await view.seen(['2'].map(id))

    expect(talk.read).toEqual([id('1'), id('4')])
  })

  test('is not marked as read where earlier ones, unread as well, are out of the window', async () => {
    const talk = new Talk(1_000, 100)
    const view = await open(talk)
    view.goTo('end')
    await settle()
    await view.seen(texts(view).map(id))
    expect(talk.read).toEqual([])
  })

  test('what they change in a message that was read is read once it is looked at, and once', async () => {
    const talk = new Talk(3)
    const view = await open(talk)
    await lookAt(view, 'end')
    talk.items = talk.items.map((item) => (item.text === '1' ? { ...item, editedAtMs: 5 } : item))
    talk.changed()
    await settle()
    await lookAt(view, 'end', false)
    expect(talk.read).toEqual([])
    await lookAt(view, 'end')
    await lookAt(view, 'end')
    expect(talk.read).toEqual(['2'])
  })

  test('is marked as read with all that the reader went past to the newest', async () => {
    const talk = new Talk(1_000, 100)
    const view = await open(talk)
    await view.seen(['100', '101'].map(id))

    view.skipToEnd()
    await view.seen(['102'].map(id))
    await settle()
    await view.seen(['998', '999'].map(id))
    expect(talk.read).toEqual(['101', '102', '999'].map(id))
    await settle()
    expect(view.hasUnread).toBe(false)

    talk.say('later', 'and later')
    await settle()
    await view.seen(['and later'].map(id))
    expect(talk.read).toHaveLength(3)
  })

  test('is marked again when that failed', async () => {
    const talk = new Talk(3, 0)
    const view = await open(talk)
    talk.refusing = true
    const all = ['0', '1', '2'].map(id)
    await view.seen(all)
    talk.refusing = false
    await view.seen(all)
    expect(talk.read).toEqual([id('2')])
  })

  test('is not marked when it was read before', async () => {
    const talk = new Talk(3, 2)
    const view = await open(talk)
    await view.seen(['0', '1'].map(id))
    expect(talk.read).toEqual([])
  })

  test('is nothing when only my own messages are there', async () => {
    const talk = new Talk(0)
    talk.items = [message('mine', { mine: true })]
    const view = await open(talk)
    await view.seen(['mine'].map(id))
    expect(talk.read).toEqual([])
  })
})
