import { InvalidDataError } from '#lib/protocol/errors.ts'

/**
 * Bits of the code of each byte, and of the end: https://www.rfc-editor.org/rfc/rfc7541#appendix-B. Codes of one length
 * follow one another in the order of their bytes, shorter ones come first: the lengths say all.
 */
// prettier-ignore
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
]

const END = 256

/** Longest padding, in bits: a byte more would be one for nothing. */
const MAX_PADDING_BITS = 7

/** What each code stands for; a code is its bits after a leading one. */
const SYMBOLS = symbols()

function symbols(): Map<number, number> {
  const order = LENGTHS.map((bits, symbol) => ({ bits, symbol })).sort(
    (a, b) => a.bits - b.bits || a.symbol - b.symbol,
  )
  const found = new Map<number, number>()
  let code = 0
  let before = 0
  for (const { bits, symbol } of order) {
    code *= 2 ** (bits - before)
    before = bits
    found.set(2 ** bits + code, symbol)
    code += 1
  }
  return found
}

/** A text of HTTP headers. @throws InvalidDataError */
export function decodeHuffman(bytes: Uint8Array): string {
  const found: number[] = []
  let code = 1
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      code = code * 2 + ((byte >> bit) & 1)
      const symbol = SYMBOLS.get(code)
      if (symbol === undefined) continue
      if (symbol === END) throw new InvalidDataError('an end within a text')
      found.push(symbol)
      code = 1
    }
  }
  // Padding is the beginning of the end: ones only.
  const isPadding = Number.isInteger(Math.log2(code + 1)) && code < 2 ** (MAX_PADDING_BITS + 1)
  if (!isPadding) throw new InvalidDataError('a text without its last code')
  return Buffer.from(found).toString('latin1')
}
