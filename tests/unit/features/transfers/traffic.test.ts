import { expect, test } from 'vitest'
import { STEP_MS, Traffic } from '#lib/features/transfers/traffic.ts'

const START_MS = 1_000 * STEP_MS

test('what came and went stands in its step, as bytes a second', () => {
  const traffic = new Traffic()
  traffic.count('down', 3_000, START_MS)
  traffic.count('down', 1_000, START_MS + STEP_MS - 1)
  traffic.count('up', 500, START_MS + STEP_MS)
  const { down, up } = traffic.speeds(START_MS + 2 * STEP_MS)
  expect(down.slice(-3)).toEqual([0, (4_000 * 1_000) / STEP_MS, 0])
  expect(up.slice(-3)).toEqual([0, 0, (500 * 1_000) / STEP_MS])
})

test('what is under way is not told yet, and what is long ago no more', () => {
  const traffic = new Traffic()
  traffic.count('down', 1_000, START_MS)
  expect(Math.max(...traffic.speeds(START_MS).down)).toBe(0)
  const { length } = traffic.speeds(START_MS).down
  expect(traffic.speeds(START_MS + length * STEP_MS).down[0]).toBeGreaterThan(0)
  expect(Math.max(...traffic.speeds(START_MS + (length + 1) * STEP_MS).down)).toBe(0)
})

test('it does not grow', () => {
  const traffic = new Traffic()
  for (let step = 0; step < 10_000; step += 1) traffic.count('up', 1, START_MS + step * STEP_MS)
  expect(traffic.speeds(START_MS + 10_000 * STEP_MS).up.every((speed) => speed > 0)).toBe(true)
})
