import { expect, test } from 'vitest'
import { Sleep, SLEPT_MS, TICK_MS } from '../../../src/lib/p2p/sleep.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'

function awake() {
  const clock = new ManualClock()
  let woken = 0
  const sleep = new Sleep(clock, () => (woken += 1))
  sleep.start()
  return { clock, sleep, woken: () => woken }
}

test('time in which nothing happens here is noticed once, with the next tick', () => {
  const { clock, woken } = awake()
  clock.advance(10 * SLEPT_MS)
  expect(woken()).toBe(0)
  clock.sleep(SLEPT_MS)
  clock.advance(TICK_MS)
  expect(woken()).toBe(1)
  clock.advance(10 * SLEPT_MS)
  expect(woken()).toBe(1)
})

test('whoever asks before the next tick knows, and nobody is told again', () => {
  const { clock, sleep, woken } = awake()
  expect(sleep.woke()).toBe(false)
  clock.sleep(SLEPT_MS)
  expect(sleep.woke()).toBe(true)
  expect(sleep.woke()).toBe(false)
  clock.advance(TICK_MS)
  expect(woken()).toBe(0)
})

test('whoever asks later knows, too, until they have asked', () => {
  const { clock, sleep, woken } = awake()
  clock.sleep(SLEPT_MS)
  clock.advance(10 * TICK_MS)
  expect(woken()).toBe(1)
  expect(sleep.woke()).toBe(true)
  expect(sleep.woke()).toBe(false)
})

test('who was stopped notices nothing, and holds no timer', () => {
  const { clock, sleep } = awake()
  sleep.stop()
  expect(clock.pending).toBe(0)
  clock.sleep(SLEPT_MS)
  expect(sleep.woke()).toBe(false)
})
