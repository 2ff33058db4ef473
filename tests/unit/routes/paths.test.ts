import { expect, test } from 'vitest'
import { cardIn, linkIn, paths, plainAddress, schemeAddress } from '../../../src/routes/paths.ts'

test('a card is read from its own address only', () => {
  expect(cardIn(paths.card('abc_-1'))).toBe('abc_-1')
  expect(cardIn(paths.chats)).toBeNull()
  expect(cardIn('')).toBeNull()
})

test.each(['#/c/web%2Bstarling%3Aabc', '#/c/web+starling:abc', '#/c/WEB%2bSTARLING%3aabc'])(
  'a card handed over as %s stands at its plain address',
  (hash) => {
    expect(plainAddress(hash)).toBe('#/c/abc')
  },
)

test.each(['#/c/web%2Bstarling%3Aget%2Fabc', '#/c/web+starling:get/abc'])(
  'a link to files handed over as %s stands at its plain address',
  (hash) => {
    expect(plainAddress(hash)).toBe('#/get/abc')
  },
)

test('what is given to the scheme comes back as the address it was made for', () => {
  const handedOver = (address: string) => `#/c/${encodeURIComponent(address)}`
  expect(plainAddress(handedOver(schemeAddress.card('abc_-1')))).toBe(paths.card('abc_-1'))
  expect(plainAddress(handedOver(schemeAddress.get('abc_-1')))).toBe(paths.get('abc_-1'))
})

test('an address without the scheme stays', () => {
  expect(plainAddress('#/c/abc')).toBeNull()
  expect(plainAddress('#/network')).toBeNull()
})

test('a link to files is read from its address, also among other words', () => {
  expect(linkIn(paths.get('abc_-1'))).toBe('abc_-1')
  expect(linkIn('Look: https://starling.example/#/get/abc_-1 and enjoy')).toBe('abc_-1')
  expect(linkIn(paths.card('abc'))).toBeNull()
  expect(linkIn('')).toBeNull()
})
