import { tick } from 'svelte'
import type { MessageId } from '../../../protocol/ids.ts'
import type {
  ChatApi,
  ConversationId,
  Message,
  TimelineItem,
  TimelinePage,
  TimelineWindow,
} from '../api.ts'
import { timelineRows, type TimelineRow } from './timeline-rows.ts'

/** Messages held on each side of where the window stands. */
export const SIDE_ITEMS = 150

/** With fewer rows than this between what is in sight and an end of the window, the window moves on. */
export const NEAR_ROWS = 50

/** Where the list is to go. A new object is a new wish. */
export interface Landing {
  at: 'end' | 'unread' | MessageId
  /** The `stretch` that has the place. */
  stretch: number
}

/** What the reader sees of `rows`. */
export interface Sight {
  firstRow: number
  lastRow: number
  /** The last row is in sight, or nearly. */
  atEnd: boolean
  /** The page is before the reader's eyes. */
  attended: boolean
}

interface Window {
  items: readonly TimelineItem[]
  rows: readonly TimelineRow[]
  /** Rows came or went at the start by the last change: a list keeps its place from the end. */
  startMoved: boolean
}

/**
 * One open conversation: a window that slides along its timeline, so that what is held stays little however long
 * that is. A reader at the end is carried along by new messages; anywhere else, what is seen stays.
 */
export class ConversationView {
  readonly id: ConversationId
  readonly #chat: ChatApi
  #window = $state.raw<Window>({ items: [], rows: [], startMoved: false })
  #hasOlder = $state.raw(false)
  #hasNewer = $state.raw(false)
  #failed = $state.raw(false)
  #stretch = $state.raw(0)
  #landing = $state.raw<Landing | null>(null)
  #around: TimelineWindow['around'] = 'unread'
  /** Where to go once the first page of the present window is here; null to stay. */
  #bound: Landing['at'] | null = 'unread'
  /** The window was moved, and its first page is not here yet. */
  #moving = true
  /** The reader is at the end of the timeline. */
  #following = false
  /** The page is before the reader's eyes. */
  #attended = false
  /** What the reader sees. */
  #middle: MessageId | null = null
  /** The first message of the last ones that came unattended. */
  #line: MessageId | null = null
  /** All behind the line was read, so the next message that comes unattended gets it. */
  #lineFree = true
  #readUpTo: MessageId | null = null
  /** When the latest edit was made that counts as read. */
  #editReadMs = 0
  #firstUnread: MessageId | null = null
  /** Unread ones that were on the screen; those after one that was not cannot be marked yet. */
  #seen: readonly MessageId[] = []
  /** The reader goes past all that is unread. */
  #skipping = false
  #watching: AbortController | null = null

  constructor(chat: ChatApi, id: ConversationId) {
    this.#chat = chat
    this.id = id
  }

  /** The first page is here. */
  get ready(): boolean {
    return this.#landing !== null
  }

  /** The timeline cannot be read now. */
  get failed(): boolean {
    return this.#failed
  }

  /** What to show, oldest first. */
  get rows(): readonly TimelineRow[] {
    return this.#window.rows
  }

  /** The last change of `rows` was at their start. */
  get startMoved(): boolean {
    return this.#window.startMoved
  }

  get hasNewer(): boolean {
    return this.#hasNewer
  }

  /** Another number when `rows` have nothing to do with those before: a list begins anew. */
  get stretch(): number {
    return this.#stretch
  }

  get hasUnread(): boolean {
    return this.#firstUnread !== null
  }

  /** Where to go; null until the first page is here. */
  get landing(): Landing | null {
    return this.#landing
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

  /** Goes to the newest message, or to a found one, wherever it is. */
  goTo(at: 'end' | MessageId): void {
    const here = at === 'end' ? this.ready && !this.#hasNewer : this.message(at) !== null
    if (here) this.#landing = { at, stretch: this.#stretch }
    else {
      this.#following = false
      this.#stand(at, at)
    }
  }

  /** Goes to the newest message past all that is unread, which then counts as read: the reader chose not to look. */
  skipToEnd(): void {
    this.#skipping = this.hasUnread
    this.goTo('end')
  }

  /** Told whenever it changes. */
  look({ firstRow, lastRow, atEnd, attended }: Sight): void {
    this.#following = atEnd && !this.#hasNewer
    this.#attended = attended
    this.#middle = this.#messageAround(Math.floor((firstRow + lastRow) / 2))
    if (attended) void this.#readEdits(this.rows.slice(firstRow, lastRow + 1))
    if (this.#moving || this.#middle === null) return
    const nearStart = this.#hasOlder && firstRow < NEAR_ROWS
    const nearEnd = this.#hasNewer && lastRow >= this.rows.length - NEAR_ROWS
    // Near both, no place would be better than this one.
    if (nearStart !== nearEnd) this.#stand(this.#middle)
  }

  /** A message of the window. */
  message(id: MessageId | null): Message | null {
    const item = this.#items[this.#position(id)]
    return item?.type === 'message' ? item : null
  }

  /** Says that the ends of these were on the screen. Marks theirs as read, each once, as far as all before were. */
  async seen(messages: readonly MessageId[]): Promise<void> {
    this.#seen = [...this.#seen, ...messages.filter((each) => !this.#seen.includes(each))]
    const upTo = this.#skipping ? this.#lastSeen() : this.#lastSeenInARow()
    if (upTo === null || upTo === this.#readUpTo) return
    const before = this.#readUpTo
    this.#readUpTo = upTo
    try {
      await this.#chat.markRead(this.id, upTo)
    } catch {
      // Not marked: the next look at the message tries again.
      this.#readUpTo = before
    }
  }

  /** What they changed in messages that were read before is read too, once all that came until then is. */
  async #readEdits(inSight: readonly TimelineRow[]): Promise<void> {
    const last = this.#items.findLast(isTheirs)
    const edits = inSight.map((row) => (row.type === 'message' ? theirEdit(row.message) : 0))
    const latest = Math.max(0, ...edits)
    if (last === undefined || latest <= this.#editReadMs) return
    if (this.hasUnread || this.#hasNewer) return
    const before = this.#editReadMs
    this.#editReadMs = latest
    try {
      await this.#chat.markRead(this.id, last.id)
    } catch {
      // The next look tries again.
      this.#editReadMs = before
    }
  }

  /** Moves the window, if it is watched. */
  #stand(around: 'end' | MessageId, bound: Landing['at'] | null = null): void {
    this.#around = around
    this.#bound = bound
    if (this.#watching) this.#watch()
  }

  /** Watches the present window instead of the one before. */
  #watch(): void {
    this.#watching?.abort()
    this.#watching = new AbortController()
    this.#moving = true
    void this.#follow(this.#watching.signal)
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const window = { around: this.#around, before: SIDE_ITEMS, after: SIDE_ITEMS }
    try {
      for await (const page of this.#chat.watchTimeline(this.id, window, { signal })) {
        if (signal.aborted) return
        this.#failed = false
        await this.#show(page, signal)
      }
    } catch {
      if (!signal.aborted) this.#failed = true
    }
  }

  async #show(
    { items, hasOlder, hasNewer, firstUnread }: TimelinePage,
    signal: AbortSignal,
  ): Promise<void> {
    this.#firstUnread = firstUnread
    if (firstUnread === null) {
      this.#seen = []
      this.#skipping = false
    }
    const pushedOut = !this.#moving && items.length > 0 && items[0]?.id !== this.#items[0]?.id
    if (hasNewer && this.#following && this.#attended) {
      this.#stand('end')
      return
    }
    if (pushedOut && this.#middle !== null) {
      // The window is at the end, and a new message takes the place of the oldest.
      this.#stand(this.#middle)
      return
    }
    this.#drawLine(items, hasOlder, hasNewer)
    const between = this.#bound === null ? joined(this.#items, items) : null
    const startMoves = between !== null && between[0]?.id !== items[0]?.id
    if (startMoves || (between !== null && between.length !== items.length)) {
      // A list keeps its place from one end at a time: first the end becomes what it will be, then the start.
      this.#lay(between, false)
      await tick()
      if (signal.aborted) return
    }
    this.#hasOlder = hasOlder
    this.#hasNewer = hasNewer
    this.#moving = false
    this.#lay(items, startMoves)
    if (between !== null) return
    this.#stretch += 1
    this.#landing = { at: this.#bound ?? 'end', stretch: this.#stretch }
    this.#bound = null
  }

  #lay(items: readonly TimelineItem[], startMoved: boolean): void {
    this.#window = { items, rows: timelineRows(items, this.#line), startMoved }
  }

  #drawLine(items: readonly TimelineItem[], hasOlder: boolean, hasNewer: boolean): void {
    const read = items.findIndex(({ id }) => id === this.#readUpTo)
    const first = items.findIndex((item, at) => at > read && isUnread(item))
    if (first === -1) {
      if (!hasNewer) this.#lineFree = true
      return
    }
    // With older ones out of the window, the first of it may not be the first that is unread.
    const sure = first > 0 || !hasOlder
    const item = items[first]
    // An open conversation without messages shows the first one at once.
    const waited = this.ready && this.#items.length === 0
    const attended = waited || (this.#following && this.#attended)
    if (!this.#lineFree || attended || !sure || item?.type !== 'message') return
    this.#line = item.id
    this.#lineFree = false
  }

  get #items(): readonly TimelineItem[] {
    return this.#window.items
  }

  /** The message of this row, or of the nearest row that has one. */
  #messageAround(row: number): MessageId | null {
    const { rows } = this.#window
    for (let off = 0; off < rows.length; off += 1) {
      for (const each of [rows[row - off], rows[row + off]]) {
        if (each?.type === 'message') return each.message.id
      }
    }
    return null
  }

  #lastSeen(): MessageId | null {
    for (const item of this.#items.toReversed()) {
      if (item.type === 'message' && item.unread && this.#seen.includes(item.id)) return item.id
    }
    return null
  }

  /** The last message from the first unread one on of which none is unseen; null when that one is not here. */
  #lastSeenInARow(): MessageId | null {
    const first = this.#position(this.#firstUnread)
    let last: MessageId | null = null
    for (const item of first === -1 ? [] : this.#items.slice(first)) {
      if (item.type !== 'message' || !item.unread) continue
      if (!this.#seen.includes(item.id)) break
      last = item.id
    }
    return last
  }

  #position(message: MessageId | null): number {
    return this.#items.findIndex((item) => item.type === 'message' && item.id === message)
  }
}

/** The new items, but with the start of the old ones; null when they have nothing in common. */
function joined(
  shown: readonly TimelineItem[],
  items: readonly TimelineItem[],
): readonly TimelineItem[] | null {
  const left = shown.findIndex(({ id }) => id === items[0]?.id)
  if (left !== -1) return [...shown.slice(0, left), ...items]
  const from = items.findIndex(({ id }) => id === shown[0]?.id)
  return from === -1 ? null : items.slice(from)
}

function isTheirs(item: TimelineItem): item is Message {
  return item.type === 'message' && !item.mine
}

function theirEdit({ mine, editedAtMs }: Message): number {
  return mine ? 0 : (editedAtMs ?? 0)
}

function isUnread(item: TimelineItem): boolean {
  return item.type === 'message' && item.unread
}
