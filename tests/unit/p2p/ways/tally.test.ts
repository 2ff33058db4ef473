import { expect, test } from 'vitest'
import type { WayTally } from '../../../../src/lib/db/schema.ts'
import { HALF_LIFE_MS } from '../../../../src/lib/p2p/ways/half-life.ts'
import {
  HEAD_START_MS,
  headStartMs,
  type Outcome,
  type RelayWay,
  scoreOf,
  tallied,
} from '../../../../src/lib/p2p/ways/tally.ts'

const WAYS: RelayWay[] = ['websocket', 'http', 'webtransport']
const FAILED: Outcome = { through: false }
const opened = (openMs: number): Outcome => ({ through: true, openMs })

function after(way: RelayWay, ...outcomes: Outcome[]): WayTally {
  let tally: WayTally | undefined
  for (const each of outcomes) tally = tallied(tally, { relay: 'relay.example', way }, each, 0)
  return tally!
}

const order = (tallies: readonly WayTally[], nowMs = 0): RelayWay[] => {
  const score = (way: RelayWay): number =>
    scoreOf(
      way,
      tallies.find((each) => each.way === way),
      nowMs,
    )
  return WAYS.toSorted((a, b) => score(b) - score(a))
}

test('where nothing is known it is a WebSocket, then plain HTTP, then what UDP carries', () => {
  expect(order([])).toEqual(['websocket', 'http', 'webtransport'])
})

test('what failed once comes after what went', () => {
  expect(order([after('websocket', FAILED), after('http', opened(200))])[0]).toBe('http')
  expect(order([after('websocket', FAILED), after('http', opened(1_700))])[0]).toBe('http')
})

test('how long it takes to find a mode says nothing of how long the mode takes', () => {
  const found = after('http', { through: true, openMs: null, mode: 'longpoll' })
  expect(found.openMs).toBeNull()
  expect(order([after('websocket', FAILED), found])[0]).toBe('http')
  const again = tallied(found, found, { through: true, openMs: 900, mode: 'longpoll' }, 0)
  expect(again.openMs).toBe(900)
})

test('what was cut once is tried again before what was never tried', () => {
  expect(order([after('websocket', opened(50), { through: false, cut: true })])[0]).toBe(
    'websocket',
  )
})

test('of two that go it is the faster one', () => {
  const slow = after('websocket', opened(3_000), opened(3_000))
  expect(order([slow, after('webtransport', opened(100), opened(100))])[0]).toBe('webtransport')
})

test('one failure among many that went changes nothing, and it comes back after many', () => {
  const went = Array.from({ length: 5 }, () => opened(100))
  expect(order([after('websocket', ...went, FAILED), after('http', opened(100))])[0]).toBe(
    'websocket',
  )
  const failed = Array.from({ length: 20 }, () => FAILED)
  expect(order([after('websocket', ...failed, ...went)])[0]).toBe('websocket')
})

test('what came through and was cut soon counts as what failed', () => {
  const cut: Outcome = { through: false, cut: true }
  expect(after('websocket', opened(1), cut, opened(1), cut).through).toBeCloseTo(0)
  expect(order([after('websocket', opened(1), cut), after('http', opened(200))])[0]).toBe('http')
})

test('what failed long ago is tried again', () => {
  const tallies = [after('websocket', FAILED), after('http', opened(200))]
  expect(order(tallies, HALF_LIFE_MS / 4)[0]).toBe('http')
  expect(order(tallies, 4 * HALF_LIFE_MS)[0]).toBe('websocket')
})

test('a score lies between nothing and one', () => {
  for (const way of WAYS) {
    const best = after(way, ...Array.from({ length: 50 }, () => opened(0)))
    const worst = after(way, ...Array.from({ length: 50 }, () => FAILED))
    for (const tally of [best, worst, undefined]) {
      expect(scoreOf(way, tally, 0)).toBeGreaterThan(0)
      expect(scoreOf(way, tally, 0)).toBeLessThanOrEqual(1)
    }
  }
})

test('the next way waits as long as this one may well take', () => {
  const { least, most } = HEAD_START_MS
  expect(headStartMs(undefined)).toBe(most)
  expect(headStartMs(after('websocket', opened(10)))).toBe(least)
  expect(headStartMs(after('websocket', opened(600)))).toBe(1_800)
  expect(headStartMs(after('websocket', opened(60_000)))).toBe(most)
  expect(headStartMs(after('websocket', FAILED))).toBe(most)
})

test('the mode of HTTP that went is known until it fails', () => {
  const went: Outcome = { through: true, openMs: 1, mode: 'sse' }
  expect(after('http', went).mode).toBe('sse')
  expect(after('http', went, FAILED).mode).toBeUndefined()
})

test('what lasted is begun with, whatever was before; what fails after that is soon not', () => {
  const http = after('http', opened(200), opened(200))
  const failed = after('websocket', ...Array<Outcome>(9).fill(FAILED))
  const lasted = tallied(failed, failed, { through: true, openMs: null, lasted: true }, 0)
  expect(order([failed, http])[0]).toBe('http')
  expect(order([lasted, http])[0]).toBe('websocket')
  const again = tallied(tallied(lasted, lasted, FAILED, 0), lasted, FAILED, 0)
  expect(order([again, http])[0]).toBe('http')
})
