import { expect, test, vi } from 'vitest'
import {
  formatAgo,
  formatBytes,
  formatDateTime,
  formatDay,
  formatDuration,
  formatLatency,
  formatMoment,
  formatShare,
  formatTime,
  shortId,
} from '../../../src/lib/i18n/format.ts'

// Local times, wherever the test runs.
const noon = new Date(2026, 5, 10, 12, 0).getTime()
const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

test('a moment of today is its time, of yesterday a word, of this week a weekday, else a date', () => {
  expect(formatMoment(noon - 5 * MINUTE_MS, noon)).toMatch(/11:55/)
  expect(formatMoment(noon - DAY_MS, noon)).toBe('Yesterday')
  expect(formatMoment(noon - 3 * DAY_MS, noon)).toBe('Sun')
  expect(formatMoment(noon - 30 * DAY_MS, noon)).toMatch(/11/)
})

test('a time is written the same alone and after a date', () => {
  const morning = new Date(2026, 5, 10, 8, 5).getTime()
  for (const languages of [['en-US'], ['en-GB']]) {
    vi.stubGlobal('navigator', { languages })
    expect(formatDateTime(morning)).toMatch(new RegExp(` ${formatTime(morning)}$`))
  }
  vi.unstubAllGlobals()
})

test('days are told by the calendar, not by 24 hours', () => {
  const lateYesterday = new Date(2026, 5, 9, 23, 59).getTime()
  expect(formatDay(lateYesterday, new Date(2026, 5, 10, 0, 1).getTime())).toBe('Yesterday')
  expect(formatDay(noon, noon)).toBe('Today')
})

test('a date of another year names it', () => {
  expect(formatDay(new Date(2024, 0, 2).getTime(), noon)).toMatch(/2024/)
  expect(formatDay(new Date(2026, 0, 2).getTime(), noon)).not.toMatch(/2026/)
})

test('what was long ago is told roughly, and a clock that runs ahead is just now', () => {
  expect(formatAgo(noon - 20_000, noon)).toBe('just now')
  expect(formatAgo(noon + DAY_MS, noon)).toBe('just now')
  expect(formatAgo(noon - 5 * MINUTE_MS, noon)).toBe('5 minutes ago')
  expect(formatAgo(noon - DAY_MS, noon)).toBe('yesterday')
})

test.each([
  [0, '0 bytes'],
  [999, '999 bytes'],
  [1000, '1 kB'],
  [1240, '1.2 kB'],
  [18_400_000, '18 MB'],
  [999_600, '1 MB'],
  [6_200_000_000, '6.2 GB'],
])('%i bytes are %s', (bytes, expected) => {
  expect(formatBytes(bytes)).toBe(expected)
})

test('a latency below a millisecond is one', () => {
  expect(formatLatency(0.2)).toBe('1 ms')
})

test('an id is shortened in the middle, and a short one stays', () => {
  expect(shortId('12D3KooWCTev6BMDvpAT1VYf3YXqB64pFYjEbMPYCHvT2c3CtxTR')).toBe('12D3KooW…txTR')
  expect(shortId('short')).toBe('short')
})

test('how long something takes is said in the unit that says most', () => {
  expect(
    [0, 900, 40_000, 89_000, 90_000, 5_000_000, 9_000_000, 200_000_000].map(formatDuration),
  ).toEqual(['1 sec', '1 sec', '40 sec', '89 sec', '2 min', '83 min', '3 hr', '2 days'])
})

test('a share is whole only when nothing is left', () => {
  expect([0, 0.456, 0.9999, 1].map(formatShare)).toEqual(['0%', '45%', '99%', '100%'])
})
