import { MAX_TEXT_BYTES } from '../api.ts'

/** From here on the composer counts down. */
export const COUNTER_FROM_BYTES = MAX_TEXT_BYTES - 1024

const encoder = new TextEncoder()

/** The length of a text on the wire, in UTF-8 bytes. */
export function textBytes(text: string): number {
  return encoder.encode(text).byteLength
}

/** Bytes left before the limit, negative past it; null while that is far away. */
export function bytesLeft(text: string): number | null {
  // A UTF-16 unit takes at most three bytes in UTF-8: a short text is not encoded at every key.
  if (text.length * 3 < COUNTER_FROM_BYTES) return null
  const bytes = textBytes(text)
  return bytes < COUNTER_FROM_BYTES ? null : MAX_TEXT_BYTES - bytes
}
