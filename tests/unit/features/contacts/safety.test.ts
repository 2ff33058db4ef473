import { expect, test } from 'vitest'
import { NotASafetyCodeError } from '#lib/features/contacts/errors.ts'
import {
  readSafetyCode,
  SAFETY_WORDS,
  safetyCode,
  safetyNumber,
  safetyWords,
  type Keys,
} from '#lib/features/contacts/safety.ts'
import { signerOf } from '../../../fixtures/signers.ts'
import { frozen } from '../../../fixtures/vectors.ts'

const keys = async (seed: number, commitment = seed): Promise<Keys> => ({
  peer: (await signerOf(seed)).peer,
  keyCommitment: new Uint8Array(32).fill(commitment),
})
const anna = await keys(1)
const ben = await keys(2)

test('both sides have the same number', () => {
  expect(safetyNumber(anna, ben)).toEqual(safetyNumber(ben, anna))
  expect(safetyWords(safetyNumber(anna, ben))).toHaveLength(SAFETY_WORDS)
})

test('any other key of either has another number and other words', async () => {
  const others = [
    [await keys(3, 1), ben],
    [await keys(1, 3), ben],
    [anna, await keys(3, 2)],
    [anna, await keys(2, 3)],
    // The same four keys in other hands.
    [await keys(1, 2), await keys(2, 1)],
  ] as const
  const numbers = [safetyNumber(anna, ben), ...others.map(([a, b]) => safetyNumber(a, b))]
  expect(new Set(numbers.map((number) => safetyCode(number))).size).toBe(numbers.length)
  expect(new Set(numbers.map((number) => safetyWords(number).join(' '))).size).toBe(numbers.length)
})

test('a code is read back, with blanks around it', () => {
  const number = safetyNumber(anna, ben)
  expect(readSafetyCode(` ${safetyCode(number)}\n`)).toEqual(number)
})

test.each([
  ['nothing', ''],
  ['a card', '#/c/AYJYcYVYIIqI'],
  ['one cut off', 'starling-safety-1:AAAA'],
  ['one of no bytes', `starling-safety-1:${'!'.repeat(43)}`],
  ['one of a later version', `starling-safety-2:${'A'.repeat(43)}`],
  ['one too long', `starling-safety-1:${'A'.repeat(44)}`],
])('%s is no safety code', (_, text) => {
  expect(() => readSafetyCode(text)).toThrow(NotASafetyCodeError)
})

test('words and code of before stay the same', () => {
  const { words, code } = frozen('safety-1') as { words: string[]; code: string }
  const number = safetyNumber(anna, ben)
  expect(safetyWords(number)).toEqual(words)
  expect(safetyCode(number)).toBe(code)
})
