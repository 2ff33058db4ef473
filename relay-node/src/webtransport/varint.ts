/** Longest one in bytes: https://www.rfc-editor.org/rfc/rfc9000#section-16 */
export const MAX_VARINT_BYTES = 8

const NUMBER_BITS = 0x3f

/** Bytes of the integer that begins with this one. */
export function varintBytes(first: number): number {
  return 1 << (first >> 6)
}

/**
 * An integer of QUIC and where it ends; null when it is not here whole. Beyond 2^53 it is not exact: browsers send such ones
 * as types and settings that nobody knows, so that nobody relies on knowing all.
 */
export function decodeVarint(bytes: Uint8Array, at = 0): { value: number; end: number } | null {
  const first = bytes[at]
  if (first === undefined) return null
  const end = at + varintBytes(first)
  if (end > bytes.byteLength) return null
  let value = first & NUMBER_BITS
  for (const byte of bytes.subarray(at + 1, end)) value = value * 256 + byte
  return { value, end }
}

/** In as few bytes as it takes. @param value from 0 to 2^53 - 1 */
export function encodeVarint(value: number): Uint8Array {
  const length = value < 2 ** 6 ? 1 : value < 2 ** 14 ? 2 : value < 2 ** 30 ? 4 : 8
  const bytes = new Uint8Array(length)
  let rest = value
  for (let at = length - 1; at >= 0; at -= 1) {
    bytes[at] = rest % 256
    rest = Math.floor(rest / 256)
  }
  bytes[0]! |= Math.log2(length) << 6
  return bytes
}
