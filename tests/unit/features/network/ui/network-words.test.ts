import { expect, test } from 'vitest'
import { relaySaidTexts } from '#lib/features/network/ui/network-words.ts'

const HOUR_MS = 60 * 60_000

test('what a relay says of its load, its uptime and its room is shown in words', () => {
  const copies = { freeBytes: 12_000_000_000, maxBytesEach: 2_000_000_000 }
  expect(relaySaidTexts({ upMs: 5 * HOUR_MS, loadPercent: 45, copies })).toEqual([
    '45% full',
    'up for 5 hr',
    'keeps copies, 12 GB free, 2 GB each',
  ])
})

test('a relay that keeps no copies is shown to', () => {
  expect(relaySaidTexts({ upMs: 0, loadPercent: 0, copies: null }).at(-1)).toBe('keeps no copies')
})
