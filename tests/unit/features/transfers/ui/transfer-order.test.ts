import { expect, test } from 'vitest'
import { inOrder, isComing, placeOf } from '#lib/features/transfers/ui/transfer-order.ts'
import { transferWith as transfer } from '../../../../fixtures/transfers.ts'

const all = [
  transfer({ id: 'old', state: 'complete', addedAtMs: 1, rank: 1 }),
  transfer({ id: 'third', state: 'queued', addedAtMs: 4, rank: 9 }),
  transfer({ id: 'mine', role: 'sharing', state: 'shared', addedAtMs: 6, rank: 0 }),
  transfer({ id: 'first', state: 'getting', addedAtMs: 3, rank: 7 }),
  transfer({ id: 'second', state: 'looking', addedAtMs: 2, rank: 8 }),
  transfer({ id: 'paused', state: 'paused', addedAtMs: 5, rank: 2 }),
]

test('what is to come is listed in the order it comes, then the rest, the newest first', () => {
  expect(inOrder(all).map(({ id }) => id)).toEqual([
    'first',
    'second',
    'third',
    'mine',
    'paused',
    'old',
  ])
})

test('what is to come has a place among what is to come', () => {
  expect(placeOf('first', all)).toEqual({ at: 1, of: 3 })
  expect(placeOf('third', all)).toEqual({ at: 3, of: 3 })
})

test('what is not to come, and what comes alone, has no place', () => {
  expect(placeOf('paused', all)).toBeNull()
  expect(placeOf('mine', all)).toBeNull()
  expect(placeOf('none', all)).toBeNull()
  expect(
    placeOf(
      'first',
      all.filter((each) => each.id === 'first' || !isComing(each)),
    ),
  ).toBeNull()
})
