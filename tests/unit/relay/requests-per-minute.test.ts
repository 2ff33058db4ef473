import { expect, test } from 'vitest'
import { RequestsPerMinute } from '#relay/requests-per-minute.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'

test('allows each asker its share of a minute, and a new one in the next', () => {
  const clock = new ManualClock()
  const requests = new RequestsPerMinute({ clock }, { max: 2 })
  expect([1, 2, 3].map(() => requests.allow('ada'))).toEqual([true, true, false])
  expect(requests.allow('bob')).toBe(true)
  clock.advance(60_000)
  expect(requests.allow('ada')).toBe(true)
})
