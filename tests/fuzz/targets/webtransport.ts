import { decodeHuffman } from '#relay/webtransport/huffman.ts'
import {
  ControlReader,
  decodeSettings,
  encodeAnswer,
  encodeClose,
  encodeControlStream,
  RequestReader,
} from '#relay/webtransport/http3.ts'
import { decodeHeaders, encodeHeaders } from '#relay/webtransport/qpack.ts'
import { RetryTokens } from '#relay/webtransport/retry-tokens.ts'
import { decodeVarint, encodeVarint } from '#relay/webtransport/varint.ts'
import { decodeWord, encodeWord, type Word, WordReader } from '#relay/webtransport/words.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { bytesTarget, requireSame, type Target } from '../target.ts'

const FOLDER = 'relay-node/src/webtransport'

const WORDS: Word[] = [
  { type: 'certificate', cert: 'certificate', key: 'key' },
  { type: 'listen', port: 443, host: '127.0.0.1' },
  { type: 'listening', port: 443 },
  { type: 'session', session: 1, port: 2, address: '192.0.2.1' },
  { type: 'opened', session: 1, stream: 2 },
  { type: 'open', session: 1, stream: 3 },
  { type: 'over', session: 1 },
  { type: 'pulse', cpuMs: 1, memoryMib: 2, refused: [3, 4, 5, 6] },
  { type: 'data', stream: 2, bytes: new Uint8Array(40).fill(7) },
  { type: 'taken', stream: 2, byteCount: 40 },
  { type: 'end', stream: 2 },
]

/** `www.example.com`: https://www.rfc-editor.org/rfc/rfc7541#appendix-C.4.1 */
const HUFFMAN = Buffer.from('f1e3c2e5f23a6ba0ab90f4ff', 'hex')

/** Header fields with a name and value of the static table, a value of their own, and nothing of it. */
const HEADERS = [
  Buffer.concat([Buffer.from('0000cfd7508c', 'hex'), HUFFMAN]),
  encodeHeaders([
    [':path', '/here'],
    ['sec-something', '1'],
  ]),
]

/** What the process that speaks QUIC reads of browsers, and what it and the relay read of each other. */
export function webTransportTargets(): Target[] {
  const control = encodeControlStream().subarray(1)
  const request = Buffer.concat([encodeAnswer(200), encodeClose()])
  const words = WORDS.map(encodeWord)
  const sender = { address: '192.0.2.1', port: 1, id: new Uint8Array(20) }
  const tokens = new RetryTokens({ clock: { now: () => 0 }, random: seededRandom(1) })
  return [
    bytesTarget(
      'integer of QUIC',
      [`${FOLDER}/varint.ts#decodeVarint`],
      [5, 500, 5e5, 5e12].map(encodeVarint),
      (input) => {
        const taken = decodeVarint(input)
        if (taken === null || !Number.isSafeInteger(taken.value)) return
        const again = decodeVarint(encodeVarint(taken.value))
        if (again?.value !== taken.value) throw new Error('another number')
      },
    ),
    bytesTarget('text of HTTP/3', [`${FOLDER}/huffman.ts#decodeHuffman`], [HUFFMAN], decodeHuffman),
    bytesTarget('headers of HTTP/3', [`${FOLDER}/qpack.ts#decodeHeaders`], HEADERS, decodeHeaders),
    bytesTarget(
      'settings of HTTP/3',
      [`${FOLDER}/http3.ts#decodeSettings`],
      [control.subarray(2)],
      decodeSettings,
    ),
    bytesTarget('control stream of HTTP/3', [], [control], (input) => {
      inParts(input, new ControlReader())
    }),
    bytesTarget('request and capsules of HTTP/3', [], [request], (input) => {
      inParts(input, new RequestReader())
    }),
    bytesTarget('token of QUIC', [], [tokens.make(sender, new Uint8Array(8))], (input) =>
      tokens.firstIdOf(input, sender),
    ),
    bytesTarget(
      'word of relay and QUIC',
      [`${FOLDER}/words.ts#decodeWord`],
      words.map((word) => word.subarray(4)),
      (input) => {
        requireSame(encodeWord(decodeWord(input)).subarray(4), input)
      },
    ),
    bytesTarget('words of relay and QUIC', [], [Buffer.concat(words), ...words], (input) => {
      inParts(input, new WordReader())
    }),
  ]
}

function inParts(input: Uint8Array, reader: { push(bytes: Uint8Array): unknown }): void {
  const cut = Math.floor(input.byteLength / 3)
  reader.push(input.subarray(0, cut))
  reader.push(input.subarray(cut))
}
