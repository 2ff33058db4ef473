import { beforeEach, expect, test } from 'vitest'
import { Rate } from '#lib/content/exchange/rate.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'

let clock: ManualClock
let rate: Rate
let passed: number[]

beforeEach(() => {
  clock = new ManualClock()
  rate = new Rate(clock)
  passed = []
})

/** Parts of so many bytes, that note when they went. */
async function send(parts: number, bytes: number): Promise<void> {
  const startMs = clock.now()
  for (let part = 0; part < parts; part += 1) {
    void rate.pass(bytes).then(() => passed.push(clock.now() - startMs))
  }
  await settled()
}

/** Everything that is due has been called. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve()
}

async function wait(ms: number): Promise<void> {
  for (let step = 0; step < ms; step += 50) {
    clock.advance(50)
    await settled()
  }
}

test('without a limit everything passes at once', async () => {
  await send(100, 1_000_000)
  expect(passed).toHaveLength(100)
})

test('so many bytes pass a second, over any time', async () => {
  rate.limit(1_000)
  await send(40, 100)
  await wait(3_000)
  // Thirty in three seconds, and what a burst lets through at once.
  expect(passed.length).toBeGreaterThanOrEqual(30)
  expect(passed.length).toBeLessThanOrEqual(34)
})

test('a part larger than a second is worth passes, and those behind it wait for that', async () => {
  rate.limit(1_000)
  await send(2, 5_000)
  expect(passed).toEqual([0])
  await wait(6_000)
  expect(passed[1]).toBeGreaterThanOrEqual(4_500)
  expect(passed[1]).toBeLessThanOrEqual(5_000)
})

test('what does not go any more when it is its turn costs nothing', async () => {
  rate.limit(1_000)
  await send(1, 1_000)
  let wanted = true
  const called: boolean[] = []
  for (let part = 0; part < 20; part += 1) {
    void rate.pass(1_000, () => wanted).then((gone) => called.push(gone))
  }
  wanted = false
  await send(1, 1_000)
  await wait(1_500)
  expect(called).toEqual(Array.from({ length: 20 }, () => false))
  expect(passed).toHaveLength(2)
})

test('rest is not saved up', async () => {
  rate.limit(1_000)
  await wait(60_000)
  await send(100, 100)
  expect(passed.length).toBeLessThanOrEqual(4)
})

test('a new limit holds for what waits, too', async () => {
  rate.limit(1)
  await send(3, 1_000)
  expect(passed).toHaveLength(1)
  rate.limit(null)
  await settled()
  expect(passed).toHaveLength(3)
})

test('stopped, it lets everything through and leaves no timer', async () => {
  rate.limit(1)
  await send(3, 1_000)
  rate.stop()
  await settled()
  expect(passed).toHaveLength(3)
  expect(clock.pending).toBe(0)
})
