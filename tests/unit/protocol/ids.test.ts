import fc from 'fast-check'
import { expect, test } from 'vitest'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import {
  chainIdOf,
  isPeerId,
  messageIdOf,
  parseChainId,
  parseMessageId,
  parsePeerId,
  peerIdOf,
  publicKeyOf,
} from '#lib/protocol/ids.ts'

const key = fc.uint8Array({ minLength: 32, maxLength: 32 })

test('a peer id and its public key say the same', () => {
  fc.assert(
    fc.property(key, (publicKey) => {
      const peer = peerIdOf(publicKey)
      expect(peer).toHaveLength(52)
      expect(parsePeerId(peer)).toBe(peer)
      expect(publicKeyOf(peer)).toEqual(publicKey)
    }),
  )
})

test('a peer id known from libp2p is read', () => {
  // The example of https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md
  expect(isPeerId('12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA')).toBe(true)
})

test.each([
  undefined,
  7,
  '',
  'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N',
  '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5S',
  '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SAA',
  '12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5S0',
])('%j is no peer id', (text) => {
  expect(isPeerId(text)).toBe(false)
  expect(() => parsePeerId(text)).toThrow(InvalidDataError)
})

test('message and chain ids have one spelling', () => {
  fc.assert(
    fc.property(key, (bytes) => {
      const message = messageIdOf(bytes)
      const chain = chainIdOf(bytes.subarray(0, 16))
      expect(parseMessageId(message)).toBe(message)
      expect(parseChainId(chain)).toBe(chain)
      expect(() => parseMessageId(chain)).toThrow(InvalidDataError)
      expect(() => parseChainId(message)).toThrow(InvalidDataError)
    }),
  )
  // The last character holds 4 bits of a message id and 2 of a chain id; the others must be zero.
  expect(() => parseMessageId(`${'A'.repeat(42)}B`)).toThrow(InvalidDataError)
  expect(() => parseChainId(`${'A'.repeat(21)}B`)).toThrow(InvalidDataError)
})

test('any text is an id or a refusal', () => {
  const texts = fc.oneof(fc.string(), fc.string({ minLength: 43, maxLength: 43 }), fc.anything())
  fc.assert(
    fc.property(texts, (text) => {
      for (const parse of [parsePeerId, parseMessageId, parseChainId]) {
        expect(() => parse(text)).toThrow(InvalidDataError)
      }
    }),
  )
})
