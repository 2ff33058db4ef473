import { expect, test } from 'vitest'
import { standing } from '../../../../../src/lib/features/chat/ui/standing.ts'

const away = { state: 'mutual', path: 'offline' } as const

test('nobody is said to be offline while I am not connected', () => {
  expect(standing(away, 'offline', true, false)).toBe('disconnected')
  expect(standing(away, 'offline', false, false)).toBe('disconnected')
  expect(standing(away, 'online', true, false)).toBe('offline')
})

test('nobody is said to be offline before connections could come up', () => {
  expect(standing(away, undefined, true, false)).toBe('connecting')
  expect(standing(away, 'starting', true, false)).toBe('connecting')
  expect(standing(away, 'online', false, false)).toBe('connecting')
})

test('one who is connected can be written to, whatever the relays do', () => {
  expect(standing({ state: 'mutual', path: 'direct' }, 'offline', false, false)).toBeNull()
})

test('one who has not accepted yet comes first, and nothing is said of the blocked and the gone', () => {
  expect(standing({ state: 'waiting', path: 'offline' }, 'offline', true, false)).toBe('waiting')
  expect(standing({ state: 'blocked', path: 'offline' }, 'online', true, false)).toBeNull()
  expect(standing(null, 'online', true, false)).toBeNull()
})

test('what waits for long is not said to be kept by relays', () => {
  expect(standing(away, 'online', true, true)).toBe('unreached')
  expect(standing(away, 'offline', true, true)).toBe('disconnected')
  expect(standing({ state: 'mutual', path: 'relayed' }, 'online', true, true)).toBeNull()
})
