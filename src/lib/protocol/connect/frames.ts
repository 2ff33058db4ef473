/**
 * A frame: its type (1 byte), its number (4, big-endian), the length of what follows (4), and that.
 *
 *     data    number of the frame    1 to MAX_FRAME_BYTES
 *     end     number of the frame    nothing    nothing comes after it
 *     ack     how many frames came   nothing
 *     idle    0                      nothing    the connection is alive
 *     reset   0                      nothing    the session is over, at once
 */
import { InvalidDataError, LimitExceededError } from '../errors.ts'

/** Longest data of a frame: one event, one message, and the least that is sent again after a cut. */
export const MAX_FRAME_BYTES = 16 * 1_024

/** Bytes before the data. */
export const FRAME_HEADER_BYTES = 9

/** Frames of one POST, with their headers: it goes through 55 kbit/s in the 10 s a request may take. */
export const MAX_BATCH_BYTES = 64 * 1_024

/** Longest body of a POST: these, and an acknowledgement. */
export const MAX_POST_BYTES = MAX_BATCH_BYTES + FRAME_HEADER_BYTES

/** Longest answer to a POST: one acknowledgement. */
export const MAX_ANSWER_BYTES = FRAME_HEADER_BYTES

const TYPES = ['data', 'end', 'ack', 'idle', 'reset'] as const

export interface Frame {
  type: (typeof TYPES)[number]
  number: number
  data: Uint8Array
}

const NOTHING = new Uint8Array()

export const IDLE: Frame = { type: 'idle', number: 0, data: NOTHING }
export const RESET: Frame = { type: 'reset', number: 0, data: NOTHING }

export function ackOf(number: number): Frame {
  return { type: 'ack', number, data: NOTHING }
}

export function endOf(number: number): Frame {
  return { type: 'end', number, data: NOTHING }
}

export function encodeFrames(frames: readonly Frame[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + encodedBytes(frame), 0))
  const view = new DataView(bytes.buffer)
  let at = 0
  for (const { type, number, data } of frames) {
    view.setUint8(at, TYPES.indexOf(type))
    view.setUint32(at + 1, number)
    view.setUint32(at + 5, data.byteLength)
    bytes.set(data, at + FRAME_HEADER_BYTES)
    at += FRAME_HEADER_BYTES + data.byteLength
  }
  return bytes
}

export function encodedBytes({ data }: Frame): number {
  return FRAME_HEADER_BYTES + data.byteLength
}

/** Frames that are here whole, as a body or message is. @throws InvalidDataError, LimitExceededError */
export function decodeFrames(bytes: Uint8Array): Frame[] {
  const reader = new FrameReader()
  const frames = reader.push(bytes)
  if (reader.waiting > 0) throw new InvalidDataError('a frame without its end')
  return frames
}

/** Reads frames from bytes as they come; holds at most one that is not here whole. */
export class FrameReader {
  #rest: Uint8Array = NOTHING

  /** Bytes of a frame that is not here whole. */
  get waiting(): number {
    return this.#rest.byteLength
  }

  /** Frames that are whole with these bytes. @throws InvalidDataError, LimitExceededError */
  push(chunk: Uint8Array): Frame[] {
    const bytes = this.#rest.byteLength === 0 ? chunk : joined(this.#rest, chunk)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const frames: Frame[] = []
    let at = 0
    while (bytes.byteLength - at >= FRAME_HEADER_BYTES) {
      const type = TYPES[view.getUint8(at)]
      const number = view.getUint32(at + 1)
      const length = view.getUint32(at + 5)
      requireFrame(type, number, length)
      const end = at + FRAME_HEADER_BYTES + length
      if (end > bytes.byteLength) break
      frames.push({ type, number, data: bytes.slice(at + FRAME_HEADER_BYTES, end) })
      at = end
    }
    this.#rest = bytes.slice(at)
    return frames
  }
}

/** @throws InvalidDataError, LimitExceededError */
function requireFrame(
  type: Frame['type'] | undefined,
  number: number,
  length: number,
): asserts type is Frame['type'] {
  if (type === undefined) throw new InvalidDataError('no such frame')
  if (length > MAX_FRAME_BYTES) throw new LimitExceededError(`a frame of ${length} bytes`)
  if (length > 0 !== (type === 'data')) throw new InvalidDataError(`${length} bytes of ${type}`)
  if (number > 0 && (type === 'idle' || type === 'reset')) {
    throw new InvalidDataError(`a numbered ${type}`)
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.byteLength + second.byteLength)
  bytes.set(first)
  bytes.set(second, first.byteLength)
  return bytes
}
