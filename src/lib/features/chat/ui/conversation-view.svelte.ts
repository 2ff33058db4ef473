import type { ChatApi, ConversationId, Message, TimelineItem } from '../api.ts'
import type { MessageId } from '../../../protocol/ids.ts'
import { timelineRows, type TimelineRow } from './timeline-rows.ts'

/** How many more items one look further back asks for. */
export const PAGE_ITEMS = 60

/** `ChatApi.watchTimeline` reaches this far back. */
export const MAX_ITEMS = 1000

interface Window {
  items: readonly TimelineItem[]
  rows: readonly TimelineRow[]
  /** Older items were put in front by the last change: a list keeps its place from the end. */
  grewInFront: boolean
}

/**
 * One open conversation: a window on its timeline that only grows while it is open.
 *
 * The host's window holds the newest `limit` items, so every new message pushes the oldest out of it. Here those
 * stay, and a wider window is asked for, or what is being read would jump under the reader's eyes.
 */
export class ConversationView {
  readonly id: ConversationId
  readonly #chat: ChatApi
  #window = $state.raw<Window>({ items: [], rows: [], grewInFront: false })
  #hasOlder = $state.raw(false)
  #ready = $state.raw(false)
  #failed = $state.raw(false)
  #limit = $state.raw(PAGE_ITEMS)
  /** Of the first page; later ones would move the line under the reader. */
  #firstUnread = $state.raw<MessageId | null | undefined>(undefined)
  /** A message to be brought into the window before anything is shown, or null. */
  #wanted = $state.raw<MessageId | null>(null)
  #readUpTo: MessageId | null = null
  #watching: AbortController | null = null

  constructor(chat: ChatApi, id: ConversationId) {
    this.#chat = chat
    this.id = id
  }

  /** The first page, and what the reader is to land on, are here. */
  get ready(): boolean {
    return this.#ready
  }

  /** The timeline cannot be read now. */
  get failed(): boolean {
    return this.#failed
  }

  /** What to show, oldest first. */
  get rows(): readonly TimelineRow[] {
    return this.#window.rows
  }

  /** The last change of `rows` put older ones in front. */
  get grewInFront(): boolean {
    return this.#window.grewInFront
  }

  get firstUnread(): MessageId | null {
    return this.#firstUnread ?? null
  }

  /** There is more, and it can be shown. */
  get canLoadOlder(): boolean {
    return this.#hasOlder && this.#limit < MAX_ITEMS
  }

  /** There is more, but further back than a window reaches. */
  get cutOff(): boolean {
    return this.#hasOlder && this.#limit >= MAX_ITEMS
  }

  /** Watches until the returned function is called. */
  open(): () => void {
    this.#watch()
    return () => {
      this.#watching?.abort()
      this.#watching = null
    }
  }

  /** After `failed`: looks again. */
  retry(): void {
    this.#failed = false
    this.#watch()
  }

  /** Widens the window by a page. */
  loadOlder(): void {
    if (this.canLoadOlder && this.#items.length >= Math.min(this.#limit, MAX_ITEMS)) this.#widen()
  }

  /** Widens the window until this message is in it; `rows` then has it, unless it is out of reach. */
  reveal(message: MessageId): void {
    this.#wanted = message
    this.#lookForWanted()
  }

  /** Whether `reveal` is still looking. */
  get revealing(): boolean {
    return this.#wanted !== null
  }

  /** A message of the window. */
  message(id: MessageId | null): Message | null {
    const item = this.#items[this.#position(id)]
    return item?.type === 'message' ? item : null
  }

  /** Says that this message was on the screen. Marks theirs up to it as read, each once. */
  async seen(message: MessageId): Promise<void> {
    const upTo = this.#newestOfTheirs(message)
    if (upTo === null || this.#position(upTo) <= this.#position(this.#readUpTo)) return
    const before = this.#readUpTo
    this.#readUpTo = upTo
    try {
      await this.#chat.markRead(this.id, upTo)
    } catch {
      // Not marked: the next look at the message tries again.
      this.#readUpTo = before
    }
  }

  /** Watches the present window instead of the one before. */
  #watch(): void {
    this.#watching?.abort()
    this.#watching = new AbortController()
    void this.#follow(this.#watching.signal)
  }

  async #follow(signal: AbortSignal): Promise<void> {
    try {
      for await (const page of this.#chat.watchTimeline(this.id, this.#limit, { signal })) {
        if (signal.aborted) return
        if (this.#firstUnread === undefined) this.#firstUnread = page.firstUnread
        this.#hasOlder = page.hasOlder
        this.#failed = false
        const fallenOut = this.#fallenOut(page.items)
        this.#show([...fallenOut, ...page.items])
        if (!this.#ready && this.#wanted === null) this.#wanted = this.#firstUnread
        this.#lookForWanted()
        if (this.#wanted === null) this.#ready = true
        if (fallenOut.length > 0 && this.canLoadOlder) this.#widen()
      }
    } catch {
      if (!signal.aborted) this.#failed = true
    }
  }

  #show(items: readonly TimelineItem[]): void {
    const first = this.#items[0]
    const grewInFront = first !== undefined && items.findIndex(({ id }) => id === first.id) > 0
    this.#window = { items, rows: timelineRows(items, this.firstUnread), grewInFront }
  }

  /** Items shown that the newest page has no room for any more; none when the history was deleted. */
  #fallenOut(page: readonly TimelineItem[]): TimelineItem[] {
    const oldest = page[0]
    if (!oldest || !this.#hasOlder) return []
    const at = this.#items.findIndex((item) => item.id === oldest.id)
    return at > 0 ? this.#items.slice(0, at) : []
  }

  #lookForWanted(): void {
    if (this.#wanted === null) return
    if (this.#position(this.#wanted) !== -1 || !this.canLoadOlder) this.#wanted = null
    else if (this.#items.length >= this.#limit) this.#widen(this.#limit)
  }

  get #items(): readonly TimelineItem[] {
    return this.#window.items
  }

  #widen(byItems: number = PAGE_ITEMS): void {
    this.#limit = Math.min(this.#limit + byItems, MAX_ITEMS)
    if (this.#watching) this.#watch()
  }

  #newestOfTheirs(upTo: MessageId): MessageId | null {
    for (let at = this.#position(upTo); at >= 0; at--) {
      const item = this.#items[at]
      if (item?.type === 'message' && !item.mine) return item.id
    }
    return null
  }

  #position(message: MessageId | null): number {
    return this.#items.findIndex((item) => item.type === 'message' && item.id === message)
  }
}
