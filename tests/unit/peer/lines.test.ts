import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { linesOf } from '#peer/lines.ts'

async function* pieces(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  for (let start = 0; start < bytes.byteLength; start += size) {
    yield await Promise.resolve(bytes.subarray(start, start + size))
  }
}

async function linesIn(text: string, maxBytes: number, size = 3): Promise<(string | null)[]> {
  return Array.fromAsync(linesOf(pieces(Buffer.from(text), size), maxBytes))
}

describe('lines', () => {
  test('are the same however the input is cut', async () => {
    const word = fc.stringMatching(/^[^\s]{1,20}$/u)
    await fc.assert(
      fc.asyncProperty(fc.array(word), fc.integer({ min: 1, max: 9 }), async (words, size) => {
        expect(await linesIn(words.join('\n'), 1_000, size)).toEqual(words)
      }),
    )
  })

  test('are as long as allowed, and dropped when they are a byte longer', async () => {
    expect(await linesIn('12345678\n123456789\nafter\n', 8)).toEqual(['12345678', null, 'after'])
  })

  test('may end with a carriage return, and empty ones are left out', async () => {
    expect(await linesIn('one\r\n\n\r\ntwo', 100)).toEqual(['one', 'two'])
  })
})
