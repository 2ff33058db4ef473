import { expect, test } from 'vitest'
import { cardIn, linkIn, paths, plainCardAddress } from '../../../src/routes/paths.ts'

test('a card is read from its own address only', () => {
  expect(cardIn(paths.card('abc_-1'))).toBe('abc_-1')
  expect(cardIn(paths.chats)).toBeNull()
  expect(cardIn('')).toBeNull()
})

test.each(['#/c/web%2Bstarling%3Aabc', '#/c/web+starling:abc', '#/c/WEB%2bSTARLING%3aabc'])(
  'a card handed over as %s stands at its plain address',
  (hash) => {
    expect(plainCardAddress(hash)).toBe('#/c/abc')
  },
)

test('an address without the scheme stays', () => {
  expect(plainCardAddress('#/c/abc')).toBeNull()
  expect(plainCardAddress('#/network')).toBeNull()
})

test('a link to files is read from its address, also among other words', () => {
  expect(linkIn(paths.get('abc_-1'))).toBe('abc_-1')
  expect(linkIn('Look: https://starling.example/#/get/abc_-1 and enjoy')).toBe('abc_-1')
  expect(linkIn(paths.card('abc'))).toBeNull()
  expect(linkIn('')).toBeNull()
})
