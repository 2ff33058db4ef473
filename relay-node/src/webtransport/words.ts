/**
 * What the relay and the process that speaks QUIC say to each other: the length of the rest (4 bytes, big-endian), a type
 * (1), and its fields. Numbers have 4 bytes; the last field takes what is left.
 *
 * The relay says:
 *
 *     certificate  length of the certificate, certificate and key in PEM    shown to whoever connects from now on
 *     listen       port, address of a network interface
 *     open         session, stream         a stream of its own, with an odd number
 *     close        session
 *
 * The other says:
 *
 *     listening    port
 *     session      session, port, address  of the browser
 *     over         session                 and all of its streams
 *     opened       session, stream         by the browser, with an even number
 *     pulse        CPU time in ms, memory in MiB, how many of each of `REFUSED` since the last one
 *
 * Both say:
 *
 *     data         stream, bytes           never more than `taken` allows
 *     taken        stream, how many bytes of it went on
 *     end          stream                  nothing comes after it
 *     reset        stream                  nothing comes, and something may be missing
 *     stop         stream                  nobody reads it any more
 */
import { InvalidDataError, LimitExceededError } from '#lib/protocol/errors.ts'

/** Most bytes of one word of data: between two of them others have their turn. */
export const MAX_DATA_BYTES = 16 * 1_024

/** Longest word without its length: one of data; a certificate and its key take 1 KB. */
export const MAX_WORD_BYTES = MAX_DATA_BYTES + 5

/** What the process refuses, in the order in which a pulse counts it. */
export const REFUSED = [
  'webtransport-total',
  'webtransport-per-address',
  'webtransport-rate',
  'webtransport-malformed',
] as const

export type Word =
  | { type: 'certificate'; cert: string; key: string }
  | { type: 'listen'; port: number; host: string }
  | { type: 'listening'; port: number }
  | { type: 'session'; session: number; port: number; address: string }
  | { type: 'open' | 'opened'; session: number; stream: number }
  | { type: 'close' | 'over'; session: number }
  | { type: 'pulse'; cpuMs: number; memoryMib: number; refused: number[] }
  | { type: 'data'; stream: number; bytes: Uint8Array }
  | { type: 'taken'; stream: number; byteCount: number }
  | { type: 'end' | 'reset' | 'stop'; stream: number }

const TYPES = [
  'certificate',
  'listen',
  'listening',
  'session',
  'open',
  'opened',
  'close',
  'over',
  'pulse',
  'data',
  'taken',
  'end',
  'reset',
  'stop',
] as const satisfies Word['type'][]

const LENGTH_BYTES = 4
const NUMBER_BYTES = 4
const NOTHING: Uint8Array = new Uint8Array()

export function encodeWord(word: Word): Buffer {
  const [numbers, rest] = fieldsOf(word)
  const length = 1 + numbers.length * NUMBER_BYTES + rest.byteLength
  const bytes = Buffer.alloc(LENGTH_BYTES + length)
  bytes.writeUInt32BE(length)
  bytes.writeUInt8(TYPES.indexOf(word.type), LENGTH_BYTES)
  let at = LENGTH_BYTES + 1
  for (const number of numbers) at = bytes.writeUInt32BE(number, at)
  bytes.set(rest, at)
  return bytes
}

function fieldsOf(word: Word): [numbers: number[], rest: Uint8Array] {
  switch (word.type) {
    case 'certificate': {
      const cert = Buffer.from(word.cert)
      return [[cert.byteLength], Buffer.concat([cert, Buffer.from(word.key)])]
    }
    case 'listen':
      return [[word.port], Buffer.from(word.host)]
    case 'listening':
      return [[word.port], NOTHING]
    case 'session':
      return [[word.session, word.port], Buffer.from(word.address)]
    case 'open':
    case 'opened':
      return [[word.session, word.stream], NOTHING]
    case 'close':
    case 'over':
      return [[word.session], NOTHING]
    case 'pulse':
      return [[word.cpuMs, word.memoryMib, ...word.refused], NOTHING]
    case 'data':
      return [[word.stream], word.bytes]
    case 'taken':
      return [[word.stream, word.byteCount], NOTHING]
    case 'end':
    case 'reset':
    case 'stop':
      return [[word.stream], NOTHING]
  }
}

/** One word, without its length. @throws InvalidDataError */
export function decodeWord(bytes: Uint8Array): Word {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const type = TYPES[bytes[0] ?? TYPES.length]
  if (type === undefined) throw new InvalidDataError('no such word')
  let at = 1
  const number = (): number => {
    if (at + NUMBER_BYTES > bytes.byteLength) throw new InvalidDataError(`too short a ${type}`)
    at += NUMBER_BYTES
    return view.getUint32(at - NUMBER_BYTES)
  }
  const rest = (): Uint8Array => {
    const from = at
    at = bytes.byteLength
    return Uint8Array.from(bytes.subarray(from))
  }
  const word = readWord(type, number, rest)
  if (at !== bytes.byteLength) throw new InvalidDataError(`too long a ${type}`)
  return word
}

function readWord(type: Word['type'], number: () => number, rest: () => Uint8Array): Word {
  switch (type) {
    case 'certificate': {
      const length = number()
      const both = rest()
      if (length > both.byteLength) throw new InvalidDataError('too short a certificate')
      return { type, cert: text(both.subarray(0, length)), key: text(both.subarray(length)) }
    }
    case 'listen':
      return { type, port: port(number()), host: text(rest()) }
    case 'listening':
      return { type, port: port(number()) }
    case 'session':
      return { type, session: number(), port: port(number()), address: text(rest()) }
    case 'open':
    case 'opened':
      return { type, session: number(), stream: number() }
    case 'close':
    case 'over':
      return { type, session: number() }
    case 'pulse':
      return { type, cpuMs: number(), memoryMib: number(), refused: REFUSED.map(number) }
    case 'data':
      return { type, stream: number(), bytes: rest() }
    case 'taken':
      return { type, stream: number(), byteCount: number() }
    case 'end':
    case 'reset':
    case 'stop':
      return { type, stream: number() }
  }
}

function port(value: number): number {
  if (value > 65_535) throw new InvalidDataError('no such port')
  return value
}

/** @throws InvalidDataError when it is not ASCII */
function text(bytes: Uint8Array): string {
  if (bytes.some((byte) => byte > 0x7f)) throw new InvalidDataError('not ASCII')
  return Buffer.from(bytes).toString('latin1')
}

/** Reads words from bytes as they come; holds at most one that is not here whole. */
export class WordReader {
  #rest: Uint8Array = NOTHING

  /** Words that are whole with these bytes. @throws InvalidDataError, LimitExceededError */
  push(chunk: Uint8Array): Word[] {
    const bytes = this.#rest.byteLength === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const words: Word[] = []
    let at = 0
    while (bytes.byteLength - at >= LENGTH_BYTES) {
      const length = view.getUint32(at)
      if (length > MAX_WORD_BYTES) throw new LimitExceededError(`a word of ${length} bytes`)
      const end = at + LENGTH_BYTES + length
      if (end > bytes.byteLength) break
      words.push(decodeWord(bytes.subarray(at + LENGTH_BYTES, end)))
      at = end
    }
    this.#rest = Uint8Array.from(bytes.subarray(at))
    return words
  }
}
