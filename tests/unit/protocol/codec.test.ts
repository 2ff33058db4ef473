import fc from 'fast-check'
import * as v from 'valibot'
import { describe, expect, test } from 'vitest'
import { codec, equalBytes, MAX_DEPTH } from '#lib/protocol/codec.ts'
import { InvalidDataError, LimitExceededError, StarlingError } from '#lib/protocol/errors.ts'

const person = codec(v.strictObject({ name: v.string(), age: v.pipe(v.number(), v.integer()) }), 64)
const anything = codec(v.unknown(), 4_096)

/** So many lists in each other. */
const nested = (levels: number): Uint8Array =>
  Uint8Array.of(...new Array<number>(levels - 1).fill(0x81), 0x80)

test('what was encoded is decoded to the same', () => {
  const values = fc.record({ name: fc.string({ maxLength: 10 }), age: fc.integer() })
  fc.assert(
    fc.property(values, (value) => {
      expect(person.decode(person.encode(value))).toEqual(value)
    }),
  )
})

test('a map that looks like a link to the encoder is refused', () => {
  // {"/": 1, "bytes": 1}
  const bytes = Uint8Array.from([0xa2, 0x61, 0x2f, 0x01, 0x65, ...Buffer.from('bytes'), 0x01])
  expect(() => anything.decode(bytes)).toThrow(InvalidDataError)
})

test('any bytes are a value with this one spelling, or a refusal', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      try {
        expect(anything.encode(anything.decode(bytes))).toEqual(bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(StarlingError)
      }
    }),
    { numRuns: 5_000 },
  )
})

test('bytes up to the limit are decoded, one more is not', () => {
  const text = codec(v.string(), 12)
  const longest = text.encode('x'.repeat(11))
  expect(longest).toHaveLength(12)
  expect(text.decode(longest)).toBe('x'.repeat(11))
  expect(() => text.encode('x'.repeat(12))).toThrow(LimitExceededError)
  expect(() => text.decode(new Uint8Array(13))).toThrow(LimitExceededError)
})

test('nesting up to the limit is decoded, one deeper is not', () => {
  // Open levels are counted when they have something in them.
  expect(() => anything.decode(nested(MAX_DEPTH + 1))).not.toThrow()
  expect(() => anything.decode(nested(MAX_DEPTH + 2))).toThrow(LimitExceededError)
  expect(() => anything.decode(nested(4_000))).toThrow(LimitExceededError)
})

describe('refused', () => {
  test.each<[string, number[]]>([
    ['nothing', []],
    ['a number in more bytes than it needs', [0x18, 0x01]],
    ['a list of unknown length', [0x9f, 0xff]],
    ['keys out of order', [0xa2, 0x61, 0x62, 0x01, 0x61, 0x61, 0x01]],
    ['a key twice', [0xa2, 0x61, 0x61, 0x01, 0x61, 0x61, 0x01]],
    ['more after the end', [0x01, 0x01]],
    ['a list said to be huge', [0x9a, 0xff, 0xff, 0xff, 0xff]],
    ['bytes said to be huge', [0x5a, 0xff, 0xff, 0xff, 0xff]],
    ['undefined', [0xf7]],
    ['not a number', [0xfb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0]],
    ['a foreign tag', [0xc1, 0x01]],
    ['text that is not UTF-8', [0x61, 0xff]],
  ])('%s', (_what, bytes) => {
    expect(() => anything.decode(Uint8Array.from(bytes))).toThrow(StarlingError)
  })

  test('another shape, a key too many', () => {
    const more = anything.encode({ name: 'x', age: 1, more: true })
    expect(() => person.decode(more)).toThrow(InvalidDataError)
    expect(() => person.decode(anything.encode({ name: 'x', age: 1.5 }))).toThrow(InvalidDataError)
    expect(() => person.encode({ name: 'x', age: 1.5 })).toThrow(InvalidDataError)
  })
})

test('bytes are equal when all of them are', () => {
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true)
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false)
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false)
})

test('a comparison looks at every byte, wherever the first difference is', () => {
  /** Bytes that tell which of them were looked at. */
  const watched = (bytes: Uint8Array) => {
    const seen = new Set<string>()
    const get = (target: Uint8Array, name: string): unknown => {
      if (/^\d+$/.test(name)) seen.add(name)
      return Reflect.get(target, name, target)
    }
    return { seen, bytes: new Proxy(bytes, { get }) }
  }
  for (const at of [0, 15, 31]) {
    const { seen, bytes } = watched(new Uint8Array(32).fill(1, at, at + 1))
    expect(equalBytes(bytes, new Uint8Array(32))).toBe(false)
    expect(seen.size).toBe(32)
  }
})
