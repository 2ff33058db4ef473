import { expect, test } from 'vitest'
import { browserLanguage } from '../../../src/lib/i18n/language.svelte.ts'

test.each([
  [['ru-RU', 'en-US'], 'ru'],
  [['uk-UA', 'ru', 'en'], 'ru'],
  [['EN-gb'], 'en'],
  [['ja', 'de-CH'], 'en'],
  [[], 'en'],
])('a browser that wants %j is spoken to in %s', (wanted, expected) => {
  expect(browserLanguage(wanted)).toBe(expected)
})
