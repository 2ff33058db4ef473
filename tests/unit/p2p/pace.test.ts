import { expect, test } from 'vitest'
import { MIN_BYTES_PER_SECOND, Pace, WINDOW_MS } from '../../../src/lib/p2p/pace.ts'

/** What is told as these many bytes come by, each a whole window after the last. */
function told(...windows: number[]): (number | null)[] {
  const pace = new Pace()
  return windows.map((bytes, at) => pace.add(bytes, at * WINDOW_MS))
}

const rate = (bytes: number): number => (bytes * 1_000) / WINDOW_MS

test('a rate is what two windows in a row kept up', () => {
  expect(told(1e6, 1e6, 1e6, 1e6)).toEqual([null, null, rate(1e6), rate(1e6)])
  expect(told(9e6, 1e6, 2e6, 4e6, 0)).toEqual([null, null, rate(1e6), rate(1e6), rate(2e6)])
})

test('what would go over anything says nothing', () => {
  const little = (MIN_BYTES_PER_SECOND * WINDOW_MS) / 1_000
  expect(told(little - 1, little - 1, 0)).toEqual([null, null, null])
  expect(told(little, little, 0)).toEqual([null, null, rate(little)])
})

test('bytes of one window add up', () => {
  const pace = new Pace()
  const rates: (number | null)[] = []
  for (let atMs = 0; atMs <= 2 * WINDOW_MS; atMs += WINDOW_MS / 4) rates.push(pace.add(1e5, atMs))
  expect(rates.filter((each) => each !== null)).toEqual([rate(4e5)])
})

test('what comes after a pause is not in a row with what was before, nor when the clock was set back', () => {
  for (const laterMs of [10 * WINDOW_MS, -WINDOW_MS]) {
    const pace = new Pace()
    const times = [0, WINDOW_MS, laterMs, laterMs + WINDOW_MS, laterMs + 2 * WINDOW_MS]
    const rates = times.map((atMs) => pace.add(1e6, atMs))
    expect(rates).toEqual([null, null, null, null, rate(1e6)])
  }
})
