/**
 * Padding to size classes, so that the length of what is sealed says little: a byte 80, then zeros up to the class
 * (ISO/IEC 7816-4).
 */
import { InvalidDataError, LimitExceededError } from '../protocol/errors.ts'

/** Bytes of the classes; most messages fall into the first. */
export const SIZE_CLASSES = [256, 512, 1024, 2048, 4096, 8192, 12_288, 20_480] as const

/** Longest that can be padded, in bytes. */
export const MAX_PADDED_BYTES = SIZE_CLASSES.at(-1)! - 1

const MARK = 0x80

/** @throws LimitExceededError when it is longer than the largest class has room for */
export function pad(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const size = SIZE_CLASSES.find((each) => each > bytes.byteLength)
  if (size === undefined) throw new LimitExceededError(`${bytes.byteLength} bytes to pad`)
  const padded = new Uint8Array(size)
  padded.set(bytes)
  padded[bytes.byteLength] = MARK
  return padded
}

/** @throws InvalidDataError when it was not padded so */
export function unpad(padded: Uint8Array): Uint8Array {
  const end = padded.findLastIndex((byte) => byte !== 0)
  const size = SIZE_CLASSES.find((each) => each > end)
  if (padded[end] !== MARK || size !== padded.byteLength) throw new InvalidDataError('not padded')
  return padded.subarray(0, end)
}
