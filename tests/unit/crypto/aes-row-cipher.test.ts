import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import { expect, test } from 'vitest'
import { AesRowCipher } from '#lib/crypto/aes-row-cipher.ts'
import { UnreadableRowError } from '#lib/crypto/errors.ts'
import { systemRandom } from '#lib/protocol/seams.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const cipherOf = (key: number) => new AesRowCipher(new Uint8Array(32).fill(key), systemRandom)

test('a row opens with its key and its context, and with nothing else', () => {
  const sealed = cipherOf(1).seal(bytes('a row'), bytes('context'))
  expect(cipherOf(1).open(sealed, bytes('context'))).toEqual(bytes('a row'))
  expect(() => cipherOf(2).open(sealed, bytes('context'))).toThrow(UnreadableRowError)
  expect(() => cipherOf(1).open(sealed, bytes('another'))).toThrow(UnreadableRowError)
  for (let at = 0; at < sealed.byteLength; at += 1) {
    const changed = sealed.with(at, sealed[at]! ^ 1)
    expect(() => cipherOf(1).open(changed, bytes('context'))).toThrow(UnreadableRowError)
    expect(() => cipherOf(1).open(sealed.slice(0, at), bytes('context'))).toThrow(
      UnreadableRowError,
    )
  }
})

test('the same row is never sealed the same', () => {
  const cipher = cipherOf(1)
  const sealed = Array.from({ length: 50 }, () =>
    bytesToHex(cipher.seal(bytes('a row'), bytes(''))),
  )
  expect(new Set(sealed).size).toBe(50)
})

test('what stands for a key depends on the key, the place and the kind, and is always as long', () => {
  const blinds = [
    cipherOf(1).blind('place', 'anna'),
    cipherOf(2).blind('place', 'anna'),
    cipherOf(1).blind('plac', 'eanna'),
    cipherOf(1).blind('place', bytes('anna')),
    cipherOf(1).blind('place', ''),
    cipherOf(1).blind('place', 'a'.repeat(1_000)),
  ]
  expect(new Set(blinds.map(bytesToHex)).size).toBe(blinds.length)
  for (const each of blinds) expect(each.byteLength).toBe(16)
  expect(cipherOf(1).blind('place', 'anna')).toEqual(blinds[0])
})

test('with the keys gone nothing is sealed or opened', () => {
  const cipher = cipherOf(1)
  const sealed = cipher.seal(bytes('a row'), bytes(''))
  cipher.destroy()
  expect(() => cipher.open(sealed, bytes(''))).toThrow(UnreadableRowError)
  expect(() => cipher.seal(bytes('a row'), bytes(''))).toThrow(UnreadableRowError)
  expect(() => cipher.blind('place', 'anna')).toThrow(UnreadableRowError)
})

test('rows sealed by this version open in every later one', () => {
  const cipher = new AesRowCipher(new Uint8Array(32).fill(7), systemRandom)
  const sealed = hexToBytes(
    '80319832611a0a1aed0f816556071dd9b986b2b8de511ac5b11a05b59d87392a08eab72a21985342e316',
  )
  expect(cipher.open(sealed, bytes('context'))).toEqual(bytes('a row of today'))
  expect(bytesToHex(cipher.blind('contacts.peer', 'anna'))).toBe('e0ba8240d565b3d031a31312be78eedd')
})
