import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MAX_PADDED_BYTES, pad, SIZE_CLASSES, unpad } from '#lib/crypto/padding.ts'
import { InvalidDataError, LimitExceededError } from '#lib/protocol/errors.ts'

test('what is padded has the length of a class, and comes back as it was', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: MAX_PADDED_BYTES, size: 'max' }), (bytes) => {
      const padded = pad(bytes)
      expect(SIZE_CLASSES).toContain(padded.byteLength)
      expect([...unpad(padded)]).toEqual([...bytes])
    }),
  )
})

test.each([0, 255, 256, MAX_PADDED_BYTES])(
  '%i bytes take the smallest class with room',
  (length) => {
    const padded = pad(new Uint8Array(length).fill(0x80))
    expect(padded.byteLength).toBe(SIZE_CLASSES.find((each) => each > length))
    expect(unpad(padded)).toHaveLength(length)
  },
)

test('more than the largest class is refused', () => {
  expect(() => pad(new Uint8Array(MAX_PADDED_BYTES + 1))).toThrow(LimitExceededError)
})

test.each([
  ['nothing', new Uint8Array(0)],
  ['zeros alone', new Uint8Array(256)],
  ['another mark', Uint8Array.of(1, 2, 3)],
  ['no class', Uint8Array.of(1, 0x80)],
  ['a class too large', Uint8Array.from({ length: 512 }, (_, at) => (at === 3 ? 0x80 : 0))],
])('%s is not padded', (_, bytes) => {
  expect(() => unpad(bytes)).toThrow(InvalidDataError)
})
