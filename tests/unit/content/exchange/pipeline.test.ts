import { expect, test } from 'vitest'
import {
  FIRST_WINDOW,
  MIN_WINDOW,
  MIN_WINDOW_EACH,
  Pipeline,
} from '#lib/content/exchange/pipeline.ts'

const PART = 262_144

/** A path that gives so many parts a second, each no sooner than the latency; the window is always full. */
function run(
  pipeline: Pipeline,
  partsPerSecond: number,
  latencyMs: number,
  untilMs: number,
): number {
  const asked: { atMs: number; doneMs: number }[] = []
  let freeMs = 0
  let window = 0
  for (let nowMs = 0; nowMs < untilMs; nowMs += 1) {
    for (const each of asked.filter(({ doneMs }) => doneMs <= nowMs)) {
      asked.splice(asked.indexOf(each), 1)
      pipeline.arrived(each.atMs, nowMs, PART)
    }
    window = pipeline.window(nowMs, 1)
    while (asked.length < window) {
      freeMs = Math.max(freeMs, nowMs + latencyMs) + 1_000 / partsPerSecond
      asked.push({ atMs: nowMs, doneMs: freeMs })
    }
  }
  return window
}

test('before anything was measured, a few are asked for', () => {
  expect(new Pipeline(64).window(0, 1)).toBe(FIRST_WINDOW)
  expect(new Pipeline(64).expectedMs(1, 0)).toBe(Infinity)
})

test.each([
  [40, 100],
  [400, 20],
  [10, 300],
])('%i parts a second at %i ms fill the path, and little more', (rate, latencyMs) => {
  const product = (rate * (latencyMs + 1_000 / rate)) / 1_000
  const window = run(new Pipeline(64), rate, latencyMs, 5_000)
  expect(window).toBeGreaterThanOrEqual(Math.floor(product))
  expect(window).toBeLessThanOrEqual(Math.ceil(2.5 * product) + 1)
})

test('a slow path is asked for one at a time, and the next ahead', () => {
  expect(run(new Pipeline(64), 1, 1, 10_000)).toBeLessThanOrEqual(MIN_WINDOW + 1)
})

test('however fast a path, no more than the most is asked for', () => {
  expect(run(new Pipeline(8), 1_000, 200, 3_000)).toBe(8)
})

test('over several connections each has one part on its way and the next asked for', () => {
  const pipeline = new Pipeline(64)
  expect(pipeline.window(0, 4)).toBe(4 * MIN_WINDOW_EACH)
  pipeline.arrived(0, 100, PART)
  pipeline.arrived(0, 200, PART)
  expect(pipeline.window(200, 4)).toBe(4 * MIN_WINDOW_EACH)
  expect(new Pipeline(6).window(0, 4)).toBe(6)
})

test('speed is of the last seconds', () => {
  const pipeline = new Pipeline(64)
  pipeline.arrived(0, 100, PART)
  pipeline.arrived(0, 200, PART)
  expect(pipeline.bytesPerSecond(300)).toBe(PART)
  expect(pipeline.bytesPerSecond(5_000)).toBe(0)
  expect(pipeline.latencyMs).toBe(100)
})

test('a queue that is never short makes itself no longer', () => {
  // One part every 1.3 s: what it takes to come is how long it waited behind the others.
  const pipeline = new Pipeline(64)
  const asked: number[] = []
  let nowMs = 0
  for (let part = 0; part < 200; part += 1) {
    while (asked.length < pipeline.window(nowMs, 1)) asked.push(nowMs)
    nowMs += 1_300
    pipeline.arrived(asked.shift()!, nowMs, 262_144)
  }
  expect(pipeline.window(nowMs, 1)).toBeLessThanOrEqual(4)
})

test('a manifest that comes at once makes nobody ask for one chunk at a time', () => {
  const pipeline = new Pipeline(64)
  pipeline.arrived(0, 2, 400)
  pipeline.arrived(2, 5, 900)
  expect(run(pipeline, 40, 100, 5_000)).toBe(run(new Pipeline(64), 40, 100, 5_000))
  const window = pipeline.window(5_000, 1)
  pipeline.arrived(4_998, 5_000, 1_000)
  expect(pipeline.window(5_000, 1)).toBe(window)
})

test('parts that were held up and come together do not count as fast', () => {
  const pipeline = new Pipeline(64)
  pipeline.arrived(0, 1_000, PART)
  pipeline.arrived(0, 1_010, PART)
  expect(pipeline.window(1_010, 1)).toBeLessThanOrEqual(FIRST_WINDOW)
})

test('short files behind a long one are measured once no more long ones come', () => {
  const pipeline = new Pipeline(64)
  pipeline.arrived(0, 100, PART)
  for (let nowMs = 200; nowMs < 6_000; nowMs += 10) pipeline.arrived(nowMs - 100, nowMs, 5_000)
  expect(pipeline.window(6_000, 1)).toBeGreaterThan(2 * FIRST_WINDOW)
})
