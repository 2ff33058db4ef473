import { expect, test } from 'vitest'
import type { RankedWay } from '#lib/features/network/api.ts'
import {
  measuredText,
  obstacleText,
  rankedStateText,
  rankedWayText,
  scoreText,
} from '#lib/features/network/ui/ranked-words.ts'

const MINUTE_MS = 60_000

function ranked(way: RankedWay['way'], state: RankedWay['state']): RankedWay {
  return {
    ...{ way, mode: null, score: 0.5, state, openMs: null, triedAtMs: null },
    ...{ lateShare: null, bytesPerSecond: null },
  }
}

function relay(address: string, ...ways: RankedWay[]) {
  return { address, ways }
}

test('a way is called by what carries it, over HTTP by the mode that went', () => {
  expect(rankedWayText({ way: 'websocket', mode: null })).toBe('WebSocket')
  expect(rankedWayText({ way: 'http', mode: null })).toBe('HTTP')
  expect(rankedWayText({ way: 'http', mode: 'longpoll' })).toBe('HTTP, long polling')
})

test('each state has words, with how fast it opens or when it was tried', () => {
  const text = (state: RankedWay['state'], openMs: number | null): string =>
    rankedStateText({ state, openMs, triedAtMs: 0 }, 3 * MINUTE_MS)
  expect(text('used', null)).toBe('In use')
  expect(text('used', 120)).toBe('In use, opens in 120 ms')
  expect(text('spare', 120)).toBe('Kept in reserve')
  expect(text('open', null)).toBe('Gets through')
  expect(text('open', 120)).toBe('Gets through, opens in 120 ms')
  expect(text('blocked', 120)).toBe('Blocked here, tried 3 minutes ago')
  expect(text('down', 120)).toBe('Does not answer')
  expect(text('untried', null)).toBe('Not yet tried here')
})

test('what was measured while a way was used is told, and nothing where nothing was', () => {
  expect(measuredText({ lateShare: null, bytesPerSecond: null })).toBe('')
  expect(measuredText({ lateShare: 0.25, bytesPerSecond: null })).toBe(
    '25% of test messages late or lost',
  )
  expect(measuredText({ lateShare: 0, bytesPerSecond: 1_200_000 })).toBe(
    '0% of test messages late or lost · carried up to 1.2 MB/s',
  )
})

test('a score is shown out of a hundred', () => {
  expect([0, 0.876, 1].map(scoreText)).toEqual(['0', '88', '100'])
})

test('what is blocked is told with the way taken instead', () => {
  const here = relay('a', ranked('http', 'used'), ranked('websocket', 'blocked'))
  expect(obstacleText(here, [here])).toMatch(/blocks or breaks: WebSocket\..*instead: HTTP\./)
})

test('where no way comes through, other relays tell whether it is this one or the network', () => {
  const here = relay('a', ranked('websocket', 'down'), ranked('http', 'down'))
  const answers = relay('b', ranked('websocket', 'used'))
  const silent = relay('c', ranked('websocket', 'down'))
  expect(obstacleText(here, [here, silent, answers])).toMatch(/it seems to be off/)
  expect(obstacleText(here, [here, silent])).toMatch(/Try another network, or add another relay/)
})

test('nothing is said where nothing stands in the way, or nothing is known', () => {
  const fine = relay('a', ranked('websocket', 'used'), ranked('http', 'untried'))
  const idle = relay('b', ranked('websocket', 'open'), ranked('http', 'blocked'))
  const untried = relay('c', ranked('websocket', 'untried'))
  for (const each of [fine, idle, untried]) {
    expect(obstacleText(each, [fine, idle, untried])).toBeNull()
  }
})
