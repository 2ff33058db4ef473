import { describe, expect, test } from 'vitest'
import { fold } from '#lib/protocol/fold.ts'

describe('a search takes for the same', () => {
  test.each([
    ['Белозёров', 'белозеров'],
    ['Chloë', 'chloe'],
    ['Chloe\u0308', 'CHLOË'],
    ['İzmir', 'izmir'],
    ['ｆｕｌｌ', 'full'],
  ])('%s and %s', (one, other) => {
    expect(fold(one)).toBe(fold(other))
  })
})

test('letters that only look alike stay different', () => {
  expect(fold('мой')).not.toContain(fold('мои'))
  expect(fold('हिन्दी')).not.toBe(fold('हन्द'))
})
