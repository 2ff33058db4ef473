import { expect, test } from 'vitest'
import { watch } from '#lib/rpc/watch.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'

function subject() {
  const clock = new ManualClock()
  const listeners = new Set<() => void>()
  const state = { value: 1 }
  const abort = new AbortController()
  const states = watch(
    {
      read: () => state.value,
      changes: (again) => {
        listeners.add(again)
        return () => listeners.delete(again)
      },
      paceMs: 100,
    },
    clock,
    { signal: abort.signal },
  )[Symbol.asyncIterator]()
  const set = (value: number): void => {
    state.value = value
    for (const listener of listeners) listener()
  }
  return { clock, listeners, abort, states, set }
}

test('gives the present state at once, then the latest of those that came within the pace', async () => {
  const { clock, states, set } = subject()
  expect(await states.next()).toEqual({ done: false, value: 1 })
  const next = states.next()
  set(2)
  set(3)
  clock.advance(100)
  expect(await next).toEqual({ done: false, value: 3 })
})

test('leaves out a state that is the same as the one before', async () => {
  const { clock, states, set } = subject()
  await states.next()
  const next = states.next()
  set(1)
  clock.advance(100)
  await Promise.resolve()
  set(4)
  expect((await next).value).toBe(4)
})

test('ends when aborted and leaves no listener or timer', async () => {
  const { clock, listeners, abort, states } = subject()
  await states.next()
  const next = states.next()
  abort.abort()
  expect(await next).toEqual({ done: true, value: undefined })
  expect(listeners.size).toBe(0)
  expect(clock.pending).toBe(0)
})
