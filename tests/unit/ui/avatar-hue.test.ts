import { expect, test } from 'vitest'
import { avatarHue, AVATAR_HUES, initials } from '../../../src/lib/ui/avatar-hue.ts'

test('an id has one of twelve hues, always the same', () => {
  const id = '12D3KooWCTev6BMDvpAT1VYf3YXqB64pFYjEbMPYCHvT2c3CtxTR'
  expect(AVATAR_HUES).toHaveLength(12)
  expect(AVATAR_HUES).toContain(avatarHue(id))
  expect(avatarHue(id)).toBe(avatarHue(id))
})

test('ids with a common beginning are spread over all hues', () => {
  const ids = Array.from({ length: 600 }, (_, index) => `12D3KooW${index.toString(36)}`)
  const counts = AVATAR_HUES.map((hue) => ids.filter((id) => avatarHue(id) === hue).length)
  expect(Math.min(...counts)).toBeGreaterThan(20)
})

test.each([
  ['Anna Kovaleva', 'AK'],
  ['Миша', 'М'],
  ['Iris van der Berg', 'IB'],
  ['🐦 lark', 'L'],
  ['𝒜nna', '𝒜'],
  ['дарья-анна', 'ДА'],
  ['42', '4'],
  ['👩‍🌾🐦', '👩‍🌾'],
  ['', ''],
])('the initials of %o are %o', (name, expected) => {
  expect(initials(name)).toBe(expected)
})
