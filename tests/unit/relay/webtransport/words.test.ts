import { expect, test } from 'vitest'
import { InvalidDataError, LimitExceededError } from '#lib/protocol/errors.ts'
import {
  decodeWord,
  encodeWord,
  MAX_DATA_BYTES,
  REFUSED,
  type Word,
  WordReader,
} from '#relay/webtransport/words.ts'

const WORDS: Word[] = [
  { type: 'certificate', cert: 'certificate', key: 'key' },
  { type: 'listen', port: 65_535, host: '::1' },
  { type: 'listening', port: 1 },
  { type: 'session', session: 1, port: 2, address: '192.0.2.1' },
  { type: 'open', session: 1, stream: 3 },
  { type: 'opened', session: 1, stream: 2 },
  { type: 'close', session: 1 },
  { type: 'over', session: 2 ** 32 - 1 },
  { type: 'pulse', cpuMs: 1, memoryMib: 2, refused: REFUSED.map((_, at) => at) },
  { type: 'data', stream: 2, bytes: new Uint8Array(MAX_DATA_BYTES).fill(7) },
  { type: 'taken', stream: 2, byteCount: 40 },
  { type: 'end', stream: 2 },
  { type: 'reset', stream: 2 },
  { type: 'stop', stream: 2 },
]

test('every word comes out as it went in, however it is cut', () => {
  const bytes = Buffer.concat(WORDS.map(encodeWord))
  expect(new WordReader().push(bytes)).toEqual(WORDS)
  const reader = new WordReader()
  const read: Word[] = []
  for (let at = 0; at < bytes.byteLength; at += 7)
    read.push(...reader.push(bytes.subarray(at, at + 7)))
  expect(read).toEqual(WORDS)
})

test('data may be as long as that, and no longer', () => {
  const long = encodeWord({ type: 'data', stream: 1, bytes: new Uint8Array(MAX_DATA_BYTES + 1) })
  expect(() => new WordReader().push(long)).toThrow(LimitExceededError)
  // Already its length is enough.
  expect(() => new WordReader().push(long.subarray(0, 4))).toThrow(LimitExceededError)
})

test.each([
  ['nothing', ''],
  ['an unknown type', 'ff'],
  ['half a number', '0b0000'],
  ['more than its fields', '0b0000000100'],
  ['a port that there is not', '0200010000'],
  ['an address that is not ASCII', '030000000100000001ff'],
  ['a certificate longer than what is there', '000000000561'],
])('a word with %s is refused', (_what, hex) => {
  expect(() => decodeWord(Buffer.from(hex, 'hex'))).toThrow(InvalidDataError)
})
