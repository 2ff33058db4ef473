import { expect, test } from 'vitest'
import { connectionRows } from '../../../../../src/lib/features/network/ui/connection-rows.ts'
import { connection } from './connection.ts'

test('a second way to somebody stands below the one in use, as a spare', () => {
  const rows = connectionRows([
    connection('a', { id: '1', path: 'relayed' }),
    connection('b', { id: '2' }),
    connection('a', { id: '3' }),
  ])
  expect(rows.map(({ connection: { id }, spare }) => [id, spare])).toEqual([
    ['3', false],
    ['1', true],
    ['2', false],
  ])
})

test('a connection that takes the place of another is shown in its row', () => {
  const keys = (...ids: string[]) =>
    connectionRows(ids.map((id) => connection('a', { id }))).map(({ key }) => key)
  expect(keys('2')).toEqual(keys('1'))
  expect(new Set(keys('1', '2')).size).toBe(2)
})
