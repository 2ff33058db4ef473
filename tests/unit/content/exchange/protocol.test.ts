import { expect, test } from 'vitest'
import { contentIdOf } from '#lib/content/content-id.ts'
import {
  decodeFrame,
  encodeMessage,
  encodePart,
  MAX_ASKED,
  MAX_BLOCKS_FRAME_BYTES,
  MAX_NAMED,
  PAGE_LEAVES,
  type BlocksMessage,
} from '#lib/content/exchange/protocol.ts'
import { MAX_LEAF_BYTES, MAX_LEAVES } from '#lib/content/manifest.ts'
import { InvalidDataError, StarlingError } from '#lib/protocol/errors.ts'

const content = contentIdOf(new Uint8Array(32).fill(7))
const topic = 2 ** 31 - 1

const messages: BlocksMessage[] = [
  { type: 'open', topic, content },
  {
    type: 'ask',
    topic,
    parts: Array.from({ length: MAX_ASKED }, () => ['manifest', MAX_LEAVES - 1] as const).map(
      ([kind, index]) => [kind, index],
    ),
  },
  { type: 'drop', topic, parts: [['list', 0]] },
  { type: 'close', topic },
  { type: 'has', topic, page: 4_095, bits: new Uint8Array(PAGE_LEAVES / 8) },
  { type: 'has', topic, page: null, bits: new Uint8Array(0) },
  { type: 'gained', topic, leaves: new Array<number>(MAX_NAMED).fill(MAX_LEAVES - 1) },
  { type: 'interest', topic, interested: true },
  { type: 'suggest', topic, leaves: new Array<number>(MAX_ASKED).fill(MAX_LEAVES - 1) },
  { type: 'choke', topic, choked: true },
  { type: 'reject', topic, parts: [['leaf', 3]] },
  { type: 'lacks', topic, kind: 'leaf', index: 3 },
  { type: 'refused', topic, reason: 'limit-reached' },
]

test.each(messages)('$type is read as it was written, however long it may be', (message) => {
  const frame = encodeMessage(message)
  expect(frame.byteLength).toBeLessThanOrEqual(MAX_BLOCKS_FRAME_BYTES)
  expect(decodeFrame(frame)).toEqual(message)
})

test('a part is read as it was written, and the longest fits a frame', () => {
  const part = { kind: 'leaf', index: MAX_LEAVES - 1 } as const
  const bytes = new Uint8Array(MAX_LEAF_BYTES).fill(9)
  const frame = encodePart(topic, part, bytes)
  expect(frame.byteLength).toBeLessThanOrEqual(MAX_BLOCKS_FRAME_BYTES)
  expect(decodeFrame(frame)).toEqual({ type: 'part', topic, ...part, bytes })
})

test.each([
  ['nothing', []],
  ['another kind of frame', [2, 0]],
  ['another kind of part', [1, 0, 3, 0]],
  ['a number that does not end', [1, 0x80, 0x80, 0x80, 0x80, 0x80]],
  ['a number with zeros before it', [1, 0x80, 0x00, 2, 0]],
  ['a leaf beyond all', [1, 0, 2, 0x80, 0x80, 0x80, 0x08]],
])('%s is refused', (_name, bytes) => {
  expect(() => decodeFrame(Uint8Array.from(bytes))).toThrow(StarlingError)
})

test('a message with more than it may hold is not written', () => {
  const parts = new Array<['leaf', number]>(MAX_ASKED + 1).fill(['leaf', 0])
  expect(() => encodeMessage({ type: 'ask', topic: 0, parts })).toThrow(InvalidDataError)
})
