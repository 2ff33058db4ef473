import { expect, test } from 'vitest'
import { WAVEFORM_BARS } from '#lib/features/chat/api.ts'
import { waveformOf } from '#lib/features/chat/ui/waveform.ts'

test('the loudest moment is a whole bar, whatever else there was', () => {
  expect([...waveformOf([0.1, 0.4, 0.2])]).toEqual([64, 255, 128])
})

test('silence stays low: what a microphone hears of nothing is not made loud', () => {
  expect(Math.max(...waveformOf([0, 0.005, 0.01]))).toBe(51)
})

test('a long recording has as many bars as there is room for, each the loudest of its stretch', () => {
  const levels = Array.from({ length: 10 * WAVEFORM_BARS }, (_, at) => (at % 10 === 3 ? 0.5 : 0.1))
  expect([...waveformOf(levels)]).toEqual(Array.from({ length: WAVEFORM_BARS }, () => 255))
})

test('of nothing there is no bar', () => {
  expect([...waveformOf([])]).toEqual([])
})
