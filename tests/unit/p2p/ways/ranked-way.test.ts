import { expect, test } from 'vitest'
import { rankedWay, type Standing } from '../../../../src/lib/p2p/ways/ranked-way.ts'
import { type Outcome, tallied } from '../../../../src/lib/p2p/ways/tally.ts'

const THROUGH: Outcome = { through: true, openMs: 200 }
const BEATEN: Outcome = { through: false }
const CUT: Outcome = { through: false, cut: true }

/** How a WebSocket stands after these tries, each a millisecond after the last. */
function after(outcomes: readonly Outcome[], init: Partial<Standing> = {}) {
  let tally: Standing['tally']
  for (const [at, each] of outcomes.entries()) {
    tally = tallied(tally, { relay: 'relay.example', way: 'websocket' }, each, at)
  }
  return rankedWay({
    way: 'websocket',
    score: 0.5,
    tally,
    used: null,
    spare: [],
    isDown: false,
    ...init,
  })
}

test('what nobody tried here is untried, also where the relay announced it', () => {
  const unknown = {
    mode: null,
    openMs: null,
    triedAtMs: null,
    lateShare: null,
    bytesPerSecond: null,
  }
  const none = { state: 'untried', score: 0.5, ...unknown }
  expect(after([])).toEqual({ way: 'websocket', ...none })
  const tally = { relay: 'relay.example', way: 'webtransport', tries: 0, through: 0 } as const
  const announced = { ...tally, openMs: null, atMs: 0, addresses: [] }
  expect(after([], { way: 'webtransport', tally: announced })).toMatchObject(none)
})

test('the last try tells whether it is open or blocked, however many went before', () => {
  const often = Array.from({ length: 9 }, () => THROUGH)
  expect(after([BEATEN])).toMatchObject({ state: 'blocked', openMs: null, triedAtMs: 0 })
  expect(after([...often, BEATEN])).toMatchObject({ state: 'blocked', openMs: 200, triedAtMs: 9 })
  expect(after([...often, CUT]).state).toBe('blocked')
  expect(after([BEATEN, CUT, THROUGH]).state).toBe('open')
})

test('the way in use is used, whatever was known of it', () => {
  expect(after([BEATEN], { used: 'websocket' }).state).toBe('used')
  expect(after([THROUGH], { used: 'http' }).state).toBe('open')
})

test('what is kept beside the way in use is in reserve', () => {
  const kept = { used: 'http', spare: ['websocket'] } as const
  expect(after([THROUGH], kept).state).toBe('spare')
  expect(after([THROUGH], { ...kept, way: 'http' }).state).toBe('used')
})

test('where none came through that is no block of any', () => {
  for (const known of [[], [THROUGH], [BEATEN]]) {
    expect(after(known, { isDown: true }).state).toBe('down')
  }
})

test('over HTTP the mode that went is told', () => {
  const to = { relay: 'relay.example', way: 'http' } as const
  const tally = tallied(undefined, to, { through: true, openMs: 9, mode: 'sse' }, 0)
  expect(after([], { way: 'http', tally }).mode).toBe('sse')
})
