import { expect, test } from 'vitest'
import type { WayTally } from '../../../../src/lib/db/schema.ts'
import { HALF_LIFE_MS } from '../../../../src/lib/p2p/ways/half-life.ts'
import {
  carriage,
  lateShare,
  MAX_BYTES_PER_SECOND,
  type Measure,
  measured,
  punctuality,
} from '../../../../src/lib/p2p/ways/measured.ts'
import { scoreOf, tallied } from '../../../../src/lib/p2p/ways/tally.ts'

const WAY = { relay: 'relay.example', way: 'websocket' } as const
const UNMEASURED = tallied(undefined, WAY, { through: true, openMs: 100 }, 0)
const IN_TIME: Measure = { isLate: false }
const LATE: Measure = { isLate: true }
const carried = (bytesPerSecond: number): Measure => ({ bytesPerSecond })
const times = (count: number, measure: Measure): Measure[] => Array<Measure>(count).fill(measure)

function after(...measures: Measure[]): WayTally {
  let tally = UNMEASURED
  for (const each of measures) tally = measured(tally, each, 0)
  return tally
}

test('the share of late pings is told once a few are known', () => {
  expect(lateShare(UNMEASURED)).toBeNull()
  expect(lateShare(after(...times(3, LATE)))).toBeNull()
  expect(lateShare(after(...times(4, LATE)))).toBe(1)
  expect(lateShare(after(...times(20, IN_TIME)))).toBe(0)
  const one = lateShare(after(...times(10, IN_TIME), LATE, ...times(10, IN_TIME)))
  expect(one).toBeGreaterThan(0.03)
  expect(one).toBeLessThan(0.1)
})

test('the more pings are late, the lower the score; one alone changes little', () => {
  const score = (...measures: Measure[]): number => scoreOf('websocket', after(...measures), 0)
  expect(score(...times(9, IN_TIME))).toBe(score())
  expect(score(LATE) / score()).toBeGreaterThan(0.75)
  expect(score(...times(5, IN_TIME), ...times(5, LATE)) / score()).toBeLessThan(0.75)
  expect(score(...times(50, LATE)) / score()).toBeLessThan(0.25)
  expect(score(...times(50, LATE), ...times(50, IN_TIME)) / score()).toBeGreaterThan(0.9)
})

test('of two ways that are alike otherwise the one that loses less is first, then the one that carried more', () => {
  const ways = [after(LATE), after(carried(4_000_000)), after(carried(40_000)), after()]
  const scores = ways.map((tally) => scoreOf('websocket', tally, 0))
  const [late, most, some, none] = scores
  expect([late, none, some, most]).toEqual(scores.toSorted((a, b) => a - b))
})

test('the most that was carried is what counts, smoothed; less is no news, as the sender may have had no more', () => {
  const twice = after(carried(1_000_000), carried(3_000_000))
  expect(twice.carried?.bytesPerSecond).toBe(2_000_000)
  expect(measured(twice, carried(50_000), 9)).toBe(twice)
  expect(measured(twice, carried(2_100_000), 9)).toBe(twice)
  expect(after(carried(Infinity)).carried?.bytesPerSecond).toBe(MAX_BYTES_PER_SECOND)
})

test('what was measured counts less the longer ago it was, and is kept through tries', () => {
  const tally = after(...times(20, LATE), carried(8_000_000))
  const days = [0, 1, 2, 8].map((count) => count * HALF_LIFE_MS)
  const punctualities = days.map((nowMs) => punctuality(tally, nowMs))
  const carriages = days.map((nowMs) => carriage(tally, nowMs))
  expect(punctualities).toEqual(punctualities.toSorted((a, b) => a - b))
  expect(punctualities.at(-1)).toBeGreaterThan(0.95)
  expect(carriages).toEqual(carriages.toSorted((a, b) => b - a))
  const tried = tallied(tally, WAY, { through: false }, 1)
  expect(tried).toMatchObject({ pings: tally.pings, carried: tally.carried })
})

test('a row of before opens and scores as one of which nothing was measured', () => {
  expect(UNMEASURED).not.toHaveProperty('pings')
  expect([punctuality(UNMEASURED, 0), carriage(UNMEASURED, 0)]).toEqual([1, 0.8])
})
