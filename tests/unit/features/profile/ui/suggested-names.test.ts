import { describe, expect, test } from 'vitest'
import { suggestName } from '../../../../../src/lib/features/profile/ui/suggested-names.ts'
import { isValidName } from '../../../../../src/lib/protocol/names.ts'

describe.each(['en', 'ru'] as const)('names suggested in %s', (language) => {
  test('may be taken as they are', () => {
    for (let step = 0; step < 32; step += 1) {
      expect(isValidName(suggestName(language, step / 32))).toBe(true)
    }
  })

  test('are another one each time', () => {
    const first = suggestName(language, 0)
    for (const fraction of [0, 0.5, 0.999]) {
      expect(suggestName(language, fraction, first)).not.toBe(first)
    }
  })
})
