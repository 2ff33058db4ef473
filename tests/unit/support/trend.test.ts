import fc from 'fast-check'
import { expect, test } from 'vitest'
import { median, quantile, trend } from '../../support/trend.ts'

test('what stays level has no growth, whatever single samples do', () => {
  expect(trend([5, 5, 90, 5, 5, 5, 0, 5]).growth).toBe(0)
})

test('what climbs a step a sample grows by the steps in between', () => {
  expect(trend([10, 11, 12, 13, 14])).toEqual({ first: 10, last: 14, growth: 4 })
})

test('what shrinks has no growth', () => {
  expect(trend([9, 8, 7, 6]).growth).toBe(0)
})

test('a leak shows through noise', () => {
  const noise = fc.array(fc.integer({ min: -20, max: 20 }), { minLength: 40, maxLength: 40 })
  fc.assert(
    fc.property(noise, (jumps) => {
      const leaking = jumps.map((jump, round) => 1000 + 10 * round + jump)
      expect(trend(leaking).growth).toBeGreaterThan(200)
    }),
  )
})

test('a quantile lies between its neighbours', () => {
  expect(median([3, 1, 2])).toBe(2)
  expect(median([1, 2])).toBe(1.5)
  expect(quantile([0, 10], 0.95)).toBe(9.5)
})
