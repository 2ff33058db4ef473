import { expect, test } from 'vitest'
import { AtOnce } from '#relay/at-once.ts'

test('so many are inside at once, in all and of one asker', () => {
  const places = new AtOnce({ max: 3, maxPerAsker: 2 })
  const leave = places.enter('ada')!
  expect(places.enter('ada')).not.toBeNull()
  expect(places.enter('ada')).toBeNull()
  expect(places.enter('eve')).not.toBeNull()
  expect(places.enter('eve')).toBeNull()
  leave()
  expect(places.enter('eve')).not.toBeNull()
})

test('a place is given back once', () => {
  const places = new AtOnce({ max: 1, maxPerAsker: 1 })
  const leave = places.enter('ada')!
  leave()
  places.enter('eve')
  leave()
  expect(places.enter('kim')).toBeNull()
})
