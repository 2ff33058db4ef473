import { expect, test } from 'vitest'
import { skeleton } from '#lib/protocol/lookalike.ts'

test.each([
  ['another case', 'Anna', 'ANNA'],
  ['letters of another script', 'Anna', 'Аnnа'],
  ['a whole word of another script', 'Cop', 'Сор'],
  ['capitals of another script', 'BOHT', 'ВОНТ'],
  ['a digit for a letter', 'Bob', 'B0b'],
  ['strokes that look alike', 'Will', 'WiIl'],
  ['accents', 'Zoe', 'Zoë'],
  ['punctuation and more blanks', 'Anna K.', 'Anna  K'],
])('%s looks the same', (_, one, other) => {
  expect(skeleton(one)).toBe(skeleton(other))
})

test.each([
  ['Anna', 'Anya'],
  ['Аня', 'Яна'],
  ['Tom', 'Tim'],
  ['Лена', 'Лина'],
])('%s and %s do not', (one, other) => {
  expect(skeleton(one)).not.toBe(skeleton(other))
})
