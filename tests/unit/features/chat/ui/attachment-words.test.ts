import { expect, test } from 'vitest'
import type { Onward } from '#lib/features/chat/api.ts'
import { onwardWords } from '#lib/features/chat/ui/attachment-words.ts'

const UNTIL_MS = Date.UTC(2026, 10, 30, 12)

const words = (onward: Onward | null, away: boolean, name: string | null = 'Ada') =>
  onwardWords({ onward }, name, away)

test('what no relay keeps is said to wait while the other is away', () => {
  expect(words({ state: 'direct' }, true)).toBe('Not at a relay: goes once you are both online')
  expect(words({ state: 'direct' }, false)).toBe('Ada has not got it yet')
})

test('nothing is said of a relay before it has answered', () => {
  expect(words({ state: 'asking' }, true)).toBe('Ada has not got it yet')
})

test('a copy at a relay is told whether or not the other is away', () => {
  for (const away of [true, false]) {
    expect(words({ state: 'copying', untilMs: UNTIL_MS }, away)).toBe('Going to a relay…')
    expect(words({ state: 'kept', untilMs: UNTIL_MS }, away)).toContain('At a relay until')
  }
})

test('nothing is said once they have it, nor of notes to myself', () => {
  expect(words(null, true)).toBeNull()
  expect(words({ state: 'direct' }, true, null)).toBeNull()
})
