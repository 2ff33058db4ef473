import type { DisappearingChange, Message, TimelineItem } from '../api.ts'
import type { MessageId } from '../../../protocol/ids.ts'

/** Messages of one sender closer together than this look like one (look.md, "Space and shape"). */
export const RUN_MS = 5 * 60_000

/** What a conversation shows from top to bottom. Keys are stable while older rows are put in front. */
export type TimelineRow =
  | { type: 'day'; key: string; atMs: number }
  | { type: 'unread'; key: string }
  | { type: 'gap'; key: string; count: number }
  | { type: 'disappearing'; key: string; change: DisappearingChange }
  | MessageRow

interface MessageRow {
  type: 'message'
  key: string
  message: Message
  /** Same sender, same run: the bubble above and this one touch. */
  joinsAbove: boolean
  joinsBelow: boolean
}

/**
 * Lays out the items of a timeline (oldest first): a row a calendar day in the reader's time zone, the "new
 * messages" line before `firstUnread`, and runs of one sender.
 */
export function timelineRows(
  items: readonly TimelineItem[],
  firstUnread: MessageId | null,
): TimelineRow[] {
  const rows: TimelineRow[] = []
  let day: string | null = null
  let above: MessageRow | null = null
  for (const item of items) {
    if (item.type === 'gap') {
      rows.push({ type: 'gap', key: `gap ${item.id}`, count: item.count })
      above = null
      continue
    }
    const ownDay = dayKey(item.sentAtMs)
    if (ownDay !== day) {
      // A clock set wrong can make a day return; the place keeps the key its own.
      rows.push({ type: 'day', key: `day before ${item.id}`, atMs: item.sentAtMs })
      day = ownDay
      above = null
    }
    if (item.type === 'disappearing') {
      rows.push({ type: 'disappearing', key: item.id, change: item })
      above = null
      continue
    }
    if (item.id === firstUnread) {
      rows.push({ type: 'unread', key: 'unread' })
      above = null
    }
    const joinsAbove: boolean = above !== null && joins(above.message, item)
    if (above !== null) above.joinsBelow = joinsAbove
    above = { type: 'message', key: item.id, message: item, joinsAbove, joinsBelow: false }
    rows.push(above)
  }
  return rows
}

function joins(above: Message, below: Message): boolean {
  return above.mine === below.mine && Math.abs(below.sentAtMs - above.sentAtMs) <= RUN_MS
}

function dayKey(atMs: number): string {
  const date = new Date(atMs)
  return `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`
}
