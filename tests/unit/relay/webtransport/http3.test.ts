import { expect, test } from 'vitest'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import { MAX_HEADER_BLOCK_BYTES, MAX_HTTP3_ITEM_BYTES } from '#relay/limits.ts'
import {
  ControlReader,
  decodeSettings,
  encodeAnswer,
  encodeClose,
  encodeControlStream,
  RequestReader,
} from '#relay/webtransport/http3.ts'
import { HTTP3, Http3Error } from '#relay/webtransport/http3-error.ts'
import { decodeHuffman } from '#relay/webtransport/huffman.ts'
import { decodeHeaders, encodeHeaders, MAX_HEADER_FIELDS } from '#relay/webtransport/qpack.ts'
import { decodeVarint, encodeVarint } from '#relay/webtransport/varint.ts'

function frame(type: number, body: Uint8Array = new Uint8Array()): Buffer {
  return Buffer.concat([encodeVarint(type), encodeVarint(body.byteLength), body])
}

function codeOf(act: () => unknown): number | null {
  try {
    act()
    return null
  } catch (error) {
    return error instanceof Http3Error ? error.code : -1
  }
}

const SETTINGS = encodeControlStream().subarray(1)
const HEADERS = frame(1, encodeHeaders([[':method', 'CONNECT']]))

test('integers of QUIC are those of RFC 9000, A.1', () => {
  const known: [string, number][] = [
    ['25', 37],
    ['7bbd', 15_293],
    ['9d7f3e7d', 494_878_333],
  ]
  for (const [hex, value] of known) {
    const bytes = Buffer.from(hex, 'hex')
    expect(decodeVarint(bytes)).toEqual({ value, end: bytes.byteLength })
    expect(Buffer.from(encodeVarint(value))).toEqual(bytes)
    expect(decodeVarint(bytes.subarray(0, -1))).toBeNull()
  }
})

test('integers of eight bytes are read and written; what is beyond 2^53 is not exact, and no mistake', () => {
  const most = Number.MAX_SAFE_INTEGER
  expect(decodeVarint(encodeVarint(most))).toEqual({ value: most, end: 8 })
  expect(decodeVarint(Buffer.from('ffffffffffffffff', 'hex'))!.value).toBeGreaterThan(most)
})

test('texts are those of RFC 7541, C.4', () => {
  expect(decodeHuffman(Buffer.from('f1e3c2e5f23a6ba0ab90f4ff', 'hex'))).toBe('www.example.com')
  expect(decodeHuffman(Buffer.from('25a849e95bb8e8b4bf', 'hex'))).toBe('custom-value')
  expect(decodeHuffman(Buffer.from('6402', 'hex'))).toBe('302')
})

test.each([
  ['a whole byte of padding', 'ff'],
  ['padding of zeros', '0000'.slice(0, 2)],
  ['the end within a text', 'fffffffc'],
])('a text with %s is refused', (_what, hex) => {
  expect(() => decodeHuffman(Buffer.from(hex, 'hex'))).toThrow(InvalidDataError)
})

test('what a browser asks for is read from the static table, in full and in Huffman', () => {
  // :method CONNECT, :scheme https, :authority in Huffman, :protocol written out.
  const block = Buffer.concat([
    Buffer.from('0000cfd7508cf1e3c2e5f23a6ba0ab90f4ff', 'hex'),
    encodeHeaders([[':protocol', 'webtransport']]).subarray(2),
  ])
  expect([...decodeHeaders(block)]).toEqual([
    [':method', 'CONNECT'],
    [':scheme', 'https'],
    [':authority', 'www.example.com'],
    [':protocol', 'webtransport'],
  ])
})

test.each([
  ['a dynamic table', '0100'],
  ['an entry of a dynamic table', '000080'],
  ['a name of a dynamic table', '00004000'],
  ['an entry beyond the static table', '0000ff24'],
  ['a text longer than the block', '0000517f00'],
  ['an integer without an end', '0000ffffffffffff'],
  ['nothing', ''],
  ['a pseudo-header twice', '0000cfcf'],
])('headers with %s are refused', (_what, hex) => {
  expect(codeOf(() => decodeHeaders(Buffer.from(hex, 'hex')))).toBe(HTTP3.qpackDecompressionFailed)
})

test('so many fields are read, and not one more', () => {
  const fields = (count: number): Buffer =>
    encodeHeaders(Array.from({ length: count }, (_, at) => [`x-${at}`, '']))
  expect(decodeHeaders(fields(MAX_HEADER_FIELDS)).size).toBe(MAX_HEADER_FIELDS)
  expect(() => decodeHeaders(fields(MAX_HEADER_FIELDS + 1))).toThrow(Http3Error)
})

test('a control stream begins with settings, and is read byte by byte as well as at once', () => {
  const unknown = frame(0x21, new Uint8Array(100_000))
  const all = Buffer.concat([SETTINGS, unknown, frame(7, Uint8Array.of(0))])
  new ControlReader().push(all)
  const reader = new ControlReader()
  for (const byte of all.subarray(0, 200)) reader.push(Uint8Array.of(byte))
})

test.each([
  ['does not begin with settings', frame(7, Uint8Array.of(0)), HTTP3.missingSettings],
  ['has settings twice', Buffer.concat([SETTINGS, SETTINGS]), HTTP3.frameUnexpected],
  ['has a request', Buffer.concat([SETTINGS, HEADERS]), HTTP3.frameUnexpected],
  ['has a frame of HTTP/2', Buffer.concat([SETTINGS, frame(6)]), HTTP3.frameUnexpected],
  ['has one setting twice', frame(4, Uint8Array.of(1, 0, 1, 0)), HTTP3.settingsError],
  ['has half a setting', frame(4, Uint8Array.of(1)), HTTP3.frameError],
  [
    'has too long settings',
    frame(4, new Uint8Array(MAX_HTTP3_ITEM_BYTES + 1)),
    HTTP3.excessiveLoad,
  ],
])('a control stream that %s ends the connection', (_what, bytes, code) => {
  const read = (): void => {
    new ControlReader().push(bytes)
  }
  expect(codeOf(read)).toBe(code)
})

test('settings may be as long as that', () => {
  const settings = Buffer.concat(
    Array.from({ length: MAX_HTTP3_ITEM_BYTES / 4 }, (_, at) =>
      Buffer.concat([Buffer.of(0x40 | (at >> 8), at & 0xff), Buffer.of(0x40, 0)]),
    ),
  )
  expect(decodeSettings(settings).size).toBe(MAX_HTTP3_ITEM_BYTES / 4)
  new ControlReader().push(frame(4, settings))
})

test('a request is headers, then a body of capsules, of which one ends the session', () => {
  const reader = new RequestReader()
  expect(reader.push(Buffer.concat([frame(0x40), HEADERS]))).toEqual([
    { type: 'headers', headers: new Map([[':method', 'CONNECT']]) },
  ])
  const capsules = frame(0, Buffer.concat([frame(0x190b4d3d, new Uint8Array(9_000))]))
  expect(reader.push(capsules)).toEqual([])
  const close = encodeClose()
  expect([...close].flatMap((byte) => reader.push(Uint8Array.of(byte)))).toEqual([
    { type: 'close' },
  ])
})

test.each([
  ['a body first', frame(0, Uint8Array.of(1)), HTTP3.frameUnexpected],
  ['two headers', Buffer.concat([HEADERS, HEADERS]), HTTP3.frameUnexpected],
  ['settings', Buffer.concat([HEADERS, SETTINGS]), HTTP3.frameUnexpected],
  ['too long headers', frame(1, new Uint8Array(MAX_HEADER_BLOCK_BYTES + 1)), HTTP3.excessiveLoad],
  [
    'a capsule that is too long',
    Buffer.concat([HEADERS, frame(0, frame(0x2843, new Uint8Array(MAX_HTTP3_ITEM_BYTES + 1)))]),
    HTTP3.excessiveLoad,
  ],
])('a request with %s ends the connection', (_what, bytes, code) => {
  expect(codeOf(() => new RequestReader().push(bytes))).toBe(code)
})

test('headers may be as long as that', () => {
  const field = (length: number): Buffer =>
    Buffer.concat([Buffer.from('2178', 'hex'), Buffer.of(0x7f, 0x81, 0x1e), Buffer.alloc(length)])
  // Two bytes before, five around it; an integer of 127 + 1 + 30 * 128.
  const length = 127 + 1 + 30 * 128
  const block = Buffer.concat([Buffer.of(0, 0), field(length)])
  const rest = MAX_HEADER_BLOCK_BYTES - block.byteLength
  const filled = Buffer.concat([block, ...filler(rest)])
  expect(filled.byteLength).toBe(MAX_HEADER_BLOCK_BYTES)
  expect(codeOf(() => new RequestReader().push(frame(1, filled)))).toBeNull()
})

/** Fields of so many bytes together. */
function filler(byteCount: number): Buffer[] {
  const fields = Math.floor(byteCount / 100)
  return Array.from({ length: fields }, (_, at) => {
    const length = (at === 0 ? 100 + (byteCount % 100) : 100) - 3
    const head =
      length < 127 ? Buffer.of(0x21, 0x79, length) : Buffer.of(0x21, 0x79, 0x7f, length - 128)
    return Buffer.concat([head, Buffer.alloc(length)])
  })
}

test('an answer says whether there is a session', () => {
  const [taken] = new RequestReader().push(encodeAnswer(200))
  expect(taken).toMatchObject({ type: 'headers' })
  expect([...decodeHeaders(encodeAnswer(404).subarray(2))]).toEqual([[':status', '404']])
})
