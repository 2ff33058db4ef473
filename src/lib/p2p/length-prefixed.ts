/** One message on a stream: an unsigned varint of its length and that many bytes. */
import type { Stream } from '@libp2p/interface'
import { varint } from 'multiformats'
import { InvalidDataError, LimitExceededError } from '../protocol/errors.ts'
import { NoAnswerError } from './errors.ts'

/** Lengths here stay below 2^28, which a varint of this many bytes reaches. */
const MAX_VARINT_BYTES = 4

export function encodeLengthPrefixed(bytes: Uint8Array): Uint8Array {
  const headBytes = varint.encodingLength(bytes.byteLength)
  const message = new Uint8Array(headBytes + bytes.byteLength)
  varint.encodeTo(bytes.byteLength, message)
  message.set(bytes, headBytes)
  return message
}

/**
 * The next message.
 * @throws LimitExceededError, InvalidDataError, NoAnswerError when the stream ends first, or the signal's reason
 */
export function readLengthPrefixed(
  stream: Stream,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const whole = Promise.withResolvers<Uint8Array>()
  let received = new Uint8Array(0)
  const onMessage = ({ data }: { data: { subarray(): Uint8Array } }): void => {
    received = concat(received, data.subarray())
    try {
      const message = cut(received, maxBytes)
      if (message !== null) whole.resolve(message)
    } catch (error) {
      whole.reject(error)
    }
  }
  const onEnd = (): void => {
    whole.reject(new NoAnswerError('the stream ended before the message'))
  }
  const onAbort = (): void => {
    whole.reject(signal.reason as Error)
  }
  stream.addEventListener('message', onMessage)
  stream.addEventListener('close', onEnd)
  stream.addEventListener('remoteCloseWrite', onEnd)
  signal.addEventListener('abort', onAbort)
  return whole.promise.finally(() => {
    stream.removeEventListener('message', onMessage)
    stream.removeEventListener('close', onEnd)
    stream.removeEventListener('remoteCloseWrite', onEnd)
    signal.removeEventListener('abort', onAbort)
  })
}

/** The message at the start of `bytes`; null until it is whole. */
function cut(bytes: Uint8Array, maxBytes: number): Uint8Array | null {
  const end = bytes.findIndex((byte) => byte < 0x80)
  if (end === -1 ? bytes.byteLength >= MAX_VARINT_BYTES : end >= MAX_VARINT_BYTES) {
    throw new LimitExceededError('length too long')
  }
  if (end === -1) return null
  // The specification of varints forbids it, and the decoder has no error of ours for it.
  if (end > 0 && bytes[end] === 0) throw new InvalidDataError('length padded with zeros')
  const [length, headBytes] = varint.decode(bytes)
  if (length > maxBytes) throw new LimitExceededError(`${length} bytes, ${maxBytes} are allowed`)
  return bytes.byteLength < headBytes + length ? null : bytes.slice(headBytes, headBytes + length)
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.byteLength + b.byteLength)
  both.set(a)
  both.set(b, a.byteLength)
  return both
}
