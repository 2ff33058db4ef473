import { expect, test } from 'vitest'
import { SlowReader } from '#relay/slow-reader.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'

const TIMEOUT_MS = 1_000

function reader() {
  const clock = new ManualClock()
  let cuts = 0
  const watched = new SlowReader({ clock }, { timeoutMs: TIMEOUT_MS, onSlow: () => (cuts += 1) })
  return { clock, watched, cuts: () => cuts }
}

test('half of what waited, taken in time, lets the writer go on; less does not', () => {
  const { clock, watched, cuts } = reader()
  watched.full(100)
  expect(watched.left(51)).toBe(false)
  expect(watched.left(50)).toBe(true)
  expect(watched.left(0)).toBe(false)
  clock.advance(TIMEOUT_MS)
  expect([cuts(), clock.pending]).toEqual([0, 0])
})

test('what still came while it was full counts, and gives no more time', () => {
  const { clock, watched, cuts } = reader()
  watched.full(100)
  clock.advance(TIMEOUT_MS - 1)
  watched.full(200)
  watched.full(150)
  expect(watched.left(101)).toBe(false)
  clock.advance(1)
  expect([cuts(), clock.pending]).toEqual([1, 0])
})

test('each time it is full there is as much time, from what waits then', () => {
  const { clock, watched, cuts } = reader()
  for (const bytes of [200, 100]) {
    watched.full(bytes)
    clock.advance(TIMEOUT_MS - 1)
    expect(watched.left(bytes / 2 + 1)).toBe(false)
    expect(watched.left(bytes / 2)).toBe(true)
  }
  expect(cuts()).toBe(0)
})

test('nobody is cut after it stops', () => {
  const { clock, watched, cuts } = reader()
  watched.full(100)
  watched.stop()
  clock.advance(TIMEOUT_MS)
  expect([watched.left(0), cuts(), clock.pending]).toEqual([false, 0, 0])
})
