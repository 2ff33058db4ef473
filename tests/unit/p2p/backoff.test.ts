import { expect, test } from 'vitest'
import { Backoff } from '../../../src/lib/p2p/backoff.ts'

const always = (fraction: number) => ({
  bytes: (count: number) => new Uint8Array(count),
  fraction: () => fraction,
})

test('the end of the delay doubles up to its limit and starts again after a success', () => {
  const backoff = new Backoff(always(1), { firstMs: 1_000, maxMs: 6_000 })
  expect([1, 2, 3, 4, 5].map(() => backoff.next())).toEqual([1_000, 2_000, 4_000, 6_000, 6_000])
  backoff.reset()
  expect(backoff.next()).toBe(1_000)
})

test('the whole delay is jitter', () => {
  expect(new Backoff(always(0), { firstMs: 1_000, maxMs: 6_000 }).next()).toBe(0)
  expect(new Backoff(always(0.25), { firstMs: 1_000, maxMs: 6_000 }).next()).toBe(250)
})

test('stays finite however often it failed', () => {
  const backoff = new Backoff(always(1), { firstMs: 1_000, maxMs: 300_000 })
  for (let i = 0; i < 5_000; i += 1) backoff.next()
  expect(backoff.next()).toBe(300_000)
})
