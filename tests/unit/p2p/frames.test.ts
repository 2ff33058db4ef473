import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  encodeCredit,
  encodeFrame,
  type Unit,
  UnitDecoder,
} from '../../../src/lib/p2p/channels/frames.ts'
import { ChannelProtocolError } from '../../../src/lib/p2p/errors.ts'

const MAX = 1_000

const units = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: MAX }).map((bytes): Unit => ({ type: 'frame', bytes })),
    fc.integer({ min: 0, max: 2 ** 28 - 1 }).map((bytes): Unit => ({ type: 'credit', bytes })),
  ),
)

function encode(all: Unit[]): Uint8Array {
  return Uint8Array.from(
    all.flatMap((unit) => [
      ...(unit.type === 'frame' ? encodeFrame(unit.bytes) : encodeCredit(unit.bytes)),
    ]),
  )
}

test('units come out as they went in, however the stream cuts them', () => {
  fc.assert(
    fc.property(units, fc.array(fc.integer({ min: 1, max: 700 })), (sent, cuts) => {
      const bytes = encode(sent)
      const decoder = new UnitDecoder(MAX)
      const received: Unit[] = []
      let offset = 0
      for (const length of [...cuts, bytes.byteLength]) {
        received.push(...decoder.push(bytes.subarray(offset, offset + length)))
        offset = Math.min(offset + length, bytes.byteLength)
      }
      expect(received).toEqual(sent)
    }),
  )
})

test('bytes of any kind decode or are refused with an error of ours', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        for (const unit of new UnitDecoder(MAX).push(bytes)) {
          if (unit.type === 'frame') expect(unit.bytes.byteLength).toBeLessThanOrEqual(MAX)
        }
      } catch (error) {
        expect((error as Error).name).toMatch(/^(ChannelProtocolError|LimitExceededError)$/)
      }
    }),
  )
})

test('a number padded with zeros is refused', () => {
  expect(() => [...new UnitDecoder(MAX).push(Uint8Array.of(0, 0x80, 0))]).toThrow(
    ChannelProtocolError,
  )
})

test('a frame of the longest length is taken, and one byte more is refused at its head', () => {
  const longest = encodeFrame(new Uint8Array(MAX))
  expect([...new UnitDecoder(MAX).push(longest)]).toHaveLength(1)
  const head = encodeFrame(new Uint8Array(MAX + 1)).subarray(0, 3)
  expect(() => [...new UnitDecoder(MAX).push(head)]).toThrow(
    expect.objectContaining({ name: 'LimitExceededError' }),
  )
})
