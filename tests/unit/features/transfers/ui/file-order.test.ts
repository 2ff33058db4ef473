import { expect, test } from 'vitest'
import { naturalOrder } from '#lib/features/transfers/ui/file-order.ts'

test('files are listed by the numbers in their names, and keep the number by which they are opened', () => {
  const files = ['10.jpg', '2.jpg', 'day 11/a.jpg', 'day 9/b.jpg', '1.jpg'].map((path) => ({
    path,
  }))
  expect(naturalOrder(files, 'en')).toEqual([4, 1, 0, 3, 2])
  expect(naturalOrder([], 'ru')).toEqual([])
})
