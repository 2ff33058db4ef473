import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  encodeEvent,
  EventReader,
  MAX_EVENT_LINE_CHARS,
  MAX_EVENT_LINES,
} from '#lib/protocol/connect/events.ts'
import {
  ackOf,
  decodeFrames,
  encodeFrames,
  endOf,
  type Frame,
  FRAME_HEADER_BYTES,
  FrameReader,
  IDLE,
  MAX_FRAME_BYTES,
  RESET,
} from '#lib/protocol/connect/frames.ts'

const invalid: unknown = expect.objectContaining({ name: 'InvalidDataError' })
const tooLong: unknown = expect.objectContaining({ name: 'LimitExceededError' })

const number = fc.nat(0xffff_ffff)
const data = fc
  .tuple(number, fc.uint8Array({ minLength: 1, maxLength: 400 }))
  .map(([at, bytes]): Frame => ({ type: 'data', number: at, data: bytes }))
const down = fc.oneof(data, number.map(endOf), fc.constant(IDLE))
const any = fc.oneof(down, number.map(ackOf), fc.constant(RESET))

/** Bytes in pieces, cut wherever the numbers say. */
function pieces(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const ends = cuts.map((cut) => cut % (bytes.byteLength + 1)).toSorted((a, b) => a - b)
  return [0, ...ends].map((from, at) => bytes.subarray(from, ends[at] ?? bytes.byteLength))
}

describe('frames', () => {
  test('come out as they went in, however they are cut', () => {
    fc.assert(
      fc.property(fc.array(any), fc.array(fc.nat()), (frames, cuts) => {
        const reader = new FrameReader()
        const bytes = encodeFrames(frames)
        expect(pieces(bytes, cuts).flatMap((piece) => reader.push(piece))).toEqual(frames)
        expect(reader.waiting).toBe(0)
        expect(decodeFrames(bytes)).toEqual(frames)
      }),
    )
  })

  test('are as long as allowed, and refused by their header when longer', () => {
    const frame: Frame = { type: 'data', number: 0, data: new Uint8Array(MAX_FRAME_BYTES) }
    expect(decodeFrames(encodeFrames([frame]))).toEqual([frame])
    const longer = encodeFrames([{ ...frame, data: new Uint8Array(MAX_FRAME_BYTES + 1) }])
    expect(() => new FrameReader().push(longer.subarray(0, FRAME_HEADER_BYTES))).toThrow(tooLong)
  })

  test('of a body are all there', () => {
    const bytes = encodeFrames([ackOf(1), endOf(2)])
    expect(() => decodeFrames(bytes.subarray(0, -1))).toThrow(invalid)
  })

  test.for([
    ['an unknown type', [5, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['data without data', [0, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['an end with data', [1, 0, 0, 0, 0, 0, 0, 0, 1, 7]],
    ['a numbered idle', [3, 0, 0, 0, 1, 0, 0, 0, 0]],
    ['a numbered reset', [4, 0, 0, 0, 1, 0, 0, 0, 0]],
  ] as const)('%s is refused', ([, bytes]) => {
    expect(() => decodeFrames(Uint8Array.from(bytes))).toThrow(invalid)
  })
})

describe('events', () => {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

  test('come out as they went in, however they are cut', () => {
    fc.assert(
      fc.property(fc.array(down), fc.array(fc.nat()), (frames, cuts) => {
        const reader = new EventReader()
        const bytes = encode(frames.map(encodeEvent).join(''))
        const read = pieces(bytes, cuts).flatMap((piece) => reader.push(piece))
        expect(read.map((frame) => ({ ...frame, data: [...frame.data] }))).toEqual(
          frames.map((frame) => ({ ...frame, data: [...frame.data] })),
        )
      }),
    )
  })

  test('carry as much as a frame may, and no line is longer', () => {
    const frame: Frame = { type: 'data', number: 0, data: new Uint8Array(MAX_FRAME_BYTES) }
    const [read] = new EventReader().push(encode(encodeEvent(frame)))
    expect(read?.data.byteLength).toBe(MAX_FRAME_BYTES)
    const line = 'x'.repeat(MAX_EVENT_LINE_CHARS)
    expect(new EventReader().push(encode(line))).toEqual([])
    expect(() => new EventReader().push(encode(`${line}x`))).toThrow(tooLong)
  })

  test('have as many lines as they need', () => {
    const lines = Array.from({ length: MAX_EVENT_LINES }, (_, at) => `field${at}: x\n`).join('')
    expect(new EventReader().push(encode(lines))).toEqual([])
    expect(() => new EventReader().push(encode(`${lines}more: x\n`))).toThrow(tooLong)
  })

  test.for([
    'event: data\nid: 0\ndata: ?\n\n',
    'event: data\nid: x\ndata: AA==\n\n',
    'event: data\nid: 0\ndata: \n\n',
    'event: end\nid: 0\ndata: AA==\n\n',
    'event: other\nid: 0\ndata: AA==\n\n',
    'data: AA==\n\n',
  ])('%j is refused', (text) => {
    expect(() => new EventReader().push(encode(text))).toThrow(invalid)
  })
})
