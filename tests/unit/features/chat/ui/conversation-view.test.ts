import { describe, expect, test } from 'vitest'
import type {
  ChatApi,
  TimelineItem,
  TimelinePage,
} from '../../../../../src/lib/features/chat/api.ts'
import {
  ConversationView,
  MAX_ITEMS,
  PAGE_ITEMS,
} from '../../../../../src/lib/features/chat/ui/conversation-view.svelte.ts'
import type { MessageId } from '../../../../../src/lib/protocol/ids.ts'
import { ANNA, message } from './messages.ts'

/** A timeline that the test writes and the view watches. */
class Talk {
  items: TimelineItem[]
  firstUnread: MessageId | null = null
  readonly limits: number[] = []
  readonly read: MessageId[] = []
  refusing = false
  #changed = Promise.withResolvers<undefined>()

  constructor(count: number) {
    this.items = Array.from({ length: count }, (_, index) => message(String(index)))
  }

  say(...texts: string[]): void {
    this.items = [...this.items, ...texts.map((text) => message(text))]
    this.changed()
  }

  changed(): void {
    const { resolve } = this.#changed
    this.#changed = Promise.withResolvers()
    resolve(undefined)
  }

  get chat(): ChatApi {
    const watchTimeline = (_: unknown, limit: number) => {
      this.limits.push(limit)
      return this.#pages(limit)
    }
    const markRead = (_: unknown, upTo: MessageId) => {
      if (this.refusing) return Promise.reject(new Error('not now'))
      this.read.push(upTo)
      return Promise.resolve()
    }
    return { watchTimeline, markRead } as Partial<ChatApi> as ChatApi
  }

  async *#pages(limit: number): AsyncGenerator<TimelinePage> {
    for (;;) {
      const { promise } = this.#changed
      if (this.refusing) throw new Error('not now')
      yield {
        items: this.items.slice(-limit),
        hasOlder: this.items.length > limit,
        firstUnread: this.firstUnread,
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
const types = (view: ConversationView) =>
  view.rows.map(({ type }) => type).filter((type) => type !== 'message')
const id = (text: string) => text as MessageId

describe('an open conversation', () => {
  test('shows the newest page, and older ones when asked', async () => {
    const view = await open(new Talk(100))
    expect(texts(view)).toHaveLength(PAGE_ITEMS)
    expect(view.ready).toBe(true)
    expect(view.canLoadOlder).toBe(true)

    view.loadOlder()
    await settle()

    expect(texts(view)).toHaveLength(100)
    expect(view.grewInFront).toBe(true)
    expect(view.canLoadOlder).toBe(false)
  })

  test('asks once for older ones, however often the list nears its start', async () => {
    const talk = new Talk(300)
    const view = await open(talk)
    view.loadOlder()
    view.loadOlder()
    view.loadOlder()
    await settle()
    expect(talk.limits).toEqual([PAGE_ITEMS, 2 * PAGE_ITEMS])
  })

  test('stops at what a window can hold, and says so', async () => {
    const view = await open(new Talk(MAX_ITEMS + 1))
    for (let page = 0; page < 20; page += 1) {
      view.loadOlder()
      await settle()
    }
    expect(texts(view)).toHaveLength(MAX_ITEMS)
    expect(view.canLoadOlder).toBe(false)
    expect(view.cutOff).toBe(true)
  })

  test('keeps what is being read when new messages push it out of the window', async () => {
    const talk = new Talk(PAGE_ITEMS + 10)
    const view = await open(talk)
    const oldest = texts(view)[0]

    talk.say('new')
    await settle()

    expect(texts(view)).toContain(oldest)
    expect(texts(view).at(-1)).toBe('new')
    expect(new Set(texts(view)).size).toBe(texts(view).length)
  })

  test('is empty again when the history was deleted', async () => {
    const talk = new Talk(10)
    const view = await open(talk)
    talk.items = []
    talk.changed()
    await settle()
    expect(view.rows).toEqual([])
  })

  test('waits until the first unread message is in the window', async () => {
    const talk = new Talk(300)
    talk.firstUnread = id('20')
    const view = await open(talk)
    expect(view.ready).toBe(true)
    expect(texts(view)).toContain('20')
    expect(types(view)).toContain('unread')
  })

  test('keeps the line of new messages where it was when the conversation was opened', async () => {
    const talk = new Talk(3)
    const view = await open(talk)
    expect(types(view)).not.toContain('unread')

    talk.firstUnread = id('new')
    talk.say('new')
    await settle()

    expect(types(view)).not.toContain('unread')
  })

  test('reaches back to a found message', async () => {
    const view = await open(new Talk(500))
    view.reveal(id('7'))
    expect(view.revealing).toBe(true)
    await settle()
    expect(view.revealing).toBe(false)
    expect(view.message(id('7'))?.text).toBe('7')
  })

  test('gives up on a message that is out of reach', async () => {
    const view = await open(new Talk(MAX_ITEMS + 50))
    view.reveal(id('7'))
    await settle()
    expect(view.revealing).toBe(false)
    expect(view.message(id('7'))).toBeNull()
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

describe('what was on the screen', () => {
  test('is marked as read up to their newest message there, each once', async () => {
    const talk = new Talk(3)
    talk.items = [...talk.items, message('mine', { mine: true })]
    const view = await open(talk)

    await view.seen(id('1'))
    await view.seen(id('mine'))
    await view.seen(id('2'))
    await view.seen(id('0'))

    expect(talk.read).toEqual([id('1'), id('2')])
  })

  test('is marked again when that failed', async () => {
    const talk = new Talk(3)
    const view = await open(talk)
    talk.refusing = true
    await view.seen(id('2'))
    talk.refusing = false
    await view.seen(id('2'))
    expect(talk.read).toEqual([id('2')])
  })

  test('is nothing when only my own messages are there', async () => {
    const talk = new Talk(0)
    talk.items = [message('mine', { mine: true })]
    const view = await open(talk)
    await view.seen(id('mine'))
    expect(talk.read).toEqual([])
  })
})
