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
