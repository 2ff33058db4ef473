import { expect, test } from 'vitest'
import { RateLimit } from '#relay/rate-limit.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'

test('allows each asker its share of a window, and a new one in the next', () => {
  const clock = new ManualClock()
  const requests = new RateLimit({ clock }, { max: 2, windowMs: 1_000 })
  expect([1, 2, 3].map(() => requests.allow('ada'))).toEqual([true, true, false])
  expect(requests.allow('bob')).toBe(true)
  clock.advance(999)
  expect(requests.allow('ada')).toBe(false)
  clock.advance(1)
  expect(requests.allow('ada')).toBe(true)
})

test('an amount takes as much of the share', () => {
  const limit = new RateLimit({ clock: new ManualClock() }, { max: 10, windowMs: 1_000 })
  expect(limit.allow('ada', 7)).toBe(true)
  expect(limit.allow('ada', 3)).toBe(true)
  expect(limit.allow('ada')).toBe(false)
})

test('so many askers are counted, and others have no share until the next window', () => {
  const clock = new ManualClock()
  const limit = new RateLimit({ clock }, { max: 2, windowMs: 1_000, maxAskers: 1 })
  expect(limit.allow('ada')).toBe(true)
  expect(limit.allow('eve')).toBe(false)
  expect(limit.allow('ada')).toBe(true)
  clock.advance(1_000)
  expect(limit.allow('eve')).toBe(true)
})
