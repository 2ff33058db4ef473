import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  cleanName,
  isValidName,
  MAX_NAME_BYTES,
  MAX_NAME_CHARACTERS,
  shortenName,
} from '#lib/protocol/names.ts'

test.each([
  ['  Anna \n Maria ', 'Anna Maria'],
  ['Cafe\u0301', 'Café'],
  ['\u202Eevil\u202C', 'evil'],
  ['a\u0000b\u200Bc\uFEFFd\u00ADe', 'abcde'],
  ['half \uD800', 'half'],
  ['\u200D\u200C', ''],
  ['\u3164\u2800', ''],
  ['👩‍👩‍👧', '👩‍👩‍👧'],
  ['❤️', '❤️'],
  ['🏴󠁧󠁢󠁥󠁮󠁧󠁿', '🏴󠁧󠁢󠁥󠁮󠁧󠁿'],
  ['می‌خواهم', 'می‌خواهم'],
])('%j is shown as %j', (text, name) => {
  expect(cleanName(text)).toBe(name)
})

/** Of any UTF-16 units, also halves of pairs. */
const anyText = fc
  .array(fc.oneof(fc.nat(0xffff), fc.constantFrom(0x20, 0x301, 0x200d, 0x202e, 0xfeff)))
  .map((units) => String.fromCharCode(...units))

test('cleaning twice is cleaning once', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const once = cleanName(text)
      expect(cleanName(once)).toBe(once)
    }),
  )
})

test('a name may have forty characters of any length in code units, and no more', () => {
  expect(isValidName('x'.repeat(MAX_NAME_CHARACTERS))).toBe(true)
  expect(isValidName('x'.repeat(MAX_NAME_CHARACTERS + 1))).toBe(false)
  expect(isValidName('й'.normalize('NFD').repeat(10))).toBe(true)
  expect(isValidName('')).toBe(false)
})

test('a name may have as many bytes as fit a card, and no more', () => {
  expect(isValidName('漢'.repeat(MAX_NAME_BYTES / 3))).toBe(true)
  expect(isValidName('👍'.repeat(MAX_NAME_BYTES / 4))).toBe(true)
  expect(isValidName('👍'.repeat(MAX_NAME_BYTES / 4 + 1))).toBe(false)
})

test('what is too long is cut between characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 80 }), (text) => {
      const name = cleanName(text)
      const short = shortenName(name)
      expect(short === '' || isValidName(short)).toBe(true)
      if (isValidName(name)) expect(short).toBe(name)
    }),
  )
  expect(shortenName('👩‍👩‍👧'.repeat(40))).toBe('👩‍👩‍👧'.repeat(6))
})
