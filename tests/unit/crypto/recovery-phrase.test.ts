import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { PHRASE_WORDS, phraseOf, readPhrase } from '#lib/crypto/recovery-phrase.ts'
import { frozen } from '../../fixtures/vectors.ts'

/** Those of 256 bits in English of https://github.com/trezor/python-mnemonic/blob/master/vectors.json: entropy, words. */
const vectors = frozen('bip39-english-256') as [string, string][]

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })

test.each(vectors)('the words of %s are those of BIP 39', (hex, words) => {
  const seed = Uint8Array.from(Buffer.from(hex, 'hex'))
  expect(phraseOf(seed).join(' ')).toBe(words)
  expect(readPhrase(words)).toEqual({ type: 'phrase', seed })
})

test('every seed comes back from its words, however they are typed', () => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const words = phraseOf(seed)
      expect(words).toHaveLength(PHRASE_WORDS)
      const typed = words.map((word, index) => `${index + 1}. ${word.toUpperCase()}`).join('\n\t ')
      expect(readPhrase(typed)).toEqual({ type: 'phrase', seed })
    }),
  )
})

test('words that are too few or too many are counted', () => {
  const words = phraseOf(new Uint8Array(32))
  expect(readPhrase('')).toEqual({ type: 'count', count: 0 })
  expect(readPhrase(words.slice(1).join(' '))).toEqual({ type: 'count', count: 23 })
  expect(readPhrase([...words, 'art'].join(' '))).toEqual({ type: 'count', count: 25 })
})

test.each([
  ['abandn', ['abandon']],
  ['abnadon', ['abandon']],
  ['vot', ['vote']],
  ['zzzzzz', []],
  ['слово', []],
])('for %s the nearest words are suggested', (word, nearest) => {
  const words = phraseOf(new Uint8Array(32))
  words[6] = word
  const reading = readPhrase(words.join(' '))
  expect(reading).toMatchObject({ type: 'word', place: 7 })
  const { suggestions } = reading as Extract<typeof reading, { type: 'word' }>
  expect(suggestions.slice(0, 1)).toEqual(nearest)
})

test('words that do not belong together are told from others', () => {
  const words = phraseOf(Uint8Array.from({ length: 32 }, (_, index) => index))
  const swapped = [words[1]!, words[0]!, ...words.slice(2)]
  expect(readPhrase(swapped.join(' '))).toEqual({ type: 'checksum' })
})

test('a text without an end is looked at no further than a phrase is long', () => {
  expect(readPhrase('zoo '.repeat(1_000_000))).toEqual({ type: 'count', count: 256 })
})
