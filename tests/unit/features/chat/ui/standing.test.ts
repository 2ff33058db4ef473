import { expect, test } from 'vitest'
import { standing } from '../../../../../src/lib/features/chat/ui/standing.ts'

const away = { state: 'mutual', path: 'offline' } as const

test('nobody is said to be offline while I am not connected', () => {
  expect(standing(away, 'offline', true)).toBe('disconnected')
  expect(standing(away, 'offline', false)).toBe('disconnected')
  expect(standing(away, 'online', true)).toBe('offline')
})

test('nobody is said to be offline before connections could come up', () => {
  expect(standing(away, undefined, true)).toBe('connecting')
  expect(standing(away, 'starting', true)).toBe('connecting')
  expect(standing(away, 'online', false)).toBe('connecting')
})

test('one who is connected can be written to, whatever the relays do', () => {
  expect(standing({ state: 'mutual', path: 'direct' }, 'offline', false)).toBeNull()
})

test('one who has not accepted yet comes first, and nothing is said of the blocked and the gone', () => {
  expect(standing({ state: 'waiting', path: 'offline' }, 'offline', true)).toBe('waiting')
  expect(standing({ state: 'blocked', path: 'offline' }, 'online', true)).toBeNull()
  expect(standing(null, 'online', true)).toBeNull()
})
