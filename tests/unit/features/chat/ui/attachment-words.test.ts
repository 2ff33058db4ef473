import { expect, test } from 'vitest'
import type { AttachmentProgress, Onward } from '#lib/features/chat/api.ts'
import { onwardWords, progressWords } from '#lib/features/chat/ui/attachment-words.ts'

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

test('how much of it they have is told while they get it, and how long it takes as far as that is known', () => {
  expect(words({ state: 'getting', share: 0.4, msLeft: null }, false)).toBe('Ada has 40%')
  expect(words({ state: 'getting', share: 0.4, msLeft: 180_000 }, false)).toBe(
    'Ada has 40% · 3 min left',
  )
})

test('of what comes, how much is here is told, how fast it comes and how long it takes', () => {
  const progress = (over: Partial<AttachmentProgress>) =>
    progressWords(
      {
        ...{ state: 'getting', onward: null, problem: null },
        ...{ verifiedBytes: 4_000_000, bytesPerSecond: 0, msLeft: null, ...over },
      },
      { bytes: 10_000_000 },
      'Ada',
    )
  expect(progress({})).toBe('40% of 10 MB')
  const moving = { bytesPerSecond: 100_000, msLeft: 60_000 }
  expect(progress(moving)).toBe('40% of 10 MB · 100 kB/s · 60 sec left')
  expect(progress({ ...moving, state: 'paused' })).toBe('Paused · 10 MB')
})

test('nothing is said once they have it, nor of notes to myself', () => {
  expect(words(null, true)).toBeNull()
  expect(words({ state: 'direct' }, true, null)).toBeNull()
})
