import { describe, expect, test } from 'vitest'
import type { Gap } from '../../../../../src/lib/features/chat/api.ts'
import { RUN_MS, timelineRows } from '../../../../../src/lib/features/chat/ui/timeline-rows.ts'
import { message } from './messages.ts'

const NOON_MS = new Date(2026, 2, 12, 12).getTime()
const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

function shapes(items: Parameters<typeof timelineRows>[0], firstUnread: string | null = null) {
  return timelineRows(items, firstUnread as never).map((row) =>
    row.type === 'message'
      ? `${row.message.text}${row.joinsAbove ? ' ^' : ''}${row.joinsBelow ? ' v' : ''}`
      : row.type,
  )
}

describe('a timeline', () => {
  test('is empty without messages', () => {
    expect(timelineRows([], null)).toEqual([])
  })

  test('begins each calendar day with its own row', () => {
    const rows = shapes([
      message('late', { sentAtMs: NOON_MS }),
      message('next', { sentAtMs: NOON_MS + DAY_MS }),
      message('same', { sentAtMs: NOON_MS + DAY_MS + 1 }),
    ])
    expect(rows).toEqual(['day', 'late', 'day', 'next v', 'same ^'])
  })

  test('joins one sender’s messages up to the limit and not past it', () => {
    const rows = shapes([
      message('a', { sentAtMs: NOON_MS }),
      message('b', { sentAtMs: NOON_MS + RUN_MS }),
      message('c', { sentAtMs: NOON_MS + 2 * RUN_MS + 1 }),
    ])
    expect(rows).toEqual(['day', 'a v', 'b ^', 'c'])
  })

  test('does not join different senders', () => {
    const rows = shapes([
      message('theirs', { sentAtMs: NOON_MS }),
      message('mine', { sentAtMs: NOON_MS, mine: true }),
    ])
    expect(rows).toEqual(['day', 'theirs', 'mine'])
  })

  test('puts the line of new messages before the first unread and breaks the run there', () => {
    const unread = message('new', { sentAtMs: NOON_MS + 1 })
    expect(shapes([message('old', { sentAtMs: NOON_MS }), unread], unread.id)).toEqual([
      'day',
      'old',
      'unread',
      'new',
    ])
  })

  test('shows a gap where messages are missing and breaks the run there', () => {
    const gap: Gap = { type: 'gap', id: 'g', count: 2 }
    expect(
      shapes([message('a', { sentAtMs: NOON_MS }), gap, message('b', { sentAtMs: NOON_MS })]),
    ).toEqual(['day', 'a', 'gap', 'b'])
  })

  test('keeps the keys of rows when older messages are put in front', () => {
    const newer = [message('b', { sentAtMs: NOON_MS }), message('c', { sentAtMs: NOON_MS })]
    const before = timelineRows(newer, null).map(({ key }) => key)
    const older = message('a', { sentAtMs: NOON_MS - DAY_MS })
    const after = timelineRows([older, ...newer], null).map(({ key }) => key)
    expect(after.slice(-before.length)).toEqual(before)
  })

  test('never has a key twice, also when a clock set wrong makes a day return', () => {
    const keys = timelineRows(
      [
        message('a', { sentAtMs: NOON_MS }),
        message('b', { sentAtMs: NOON_MS + DAY_MS }),
        message('c', { sentAtMs: NOON_MS }),
      ],
      null,
    ).map(({ key }) => key)
    expect(new Set(keys).size).toBe(keys.length)
  })
})
