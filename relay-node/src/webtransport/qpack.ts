/**
 * Header blocks without a dynamic table (https://www.rfc-editor.org/rfc/rfc9204), which is what a peer sends that was told
 * that there is none.
 */
import { Http3Error, HTTP3 } from './http3-error.ts'
import { decodeHuffman } from './huffman.ts'

/** Fields of one block: browsers send ten. */
export const MAX_HEADER_FIELDS = 64

/** Entries of the static table: https://www.rfc-editor.org/rfc/rfc9204#appendix-A */
const STATIC_ENTRIES = 99

/** Those of them that tell what is asked for; nobody looks at the others. */
const STATIC = new Map<number, readonly [name: string, value: string]>([
  [0, [':authority', '']],
  [1, [':path', '/']],
  [15, [':method', 'CONNECT']],
  [16, [':method', 'DELETE']],
  [17, [':method', 'GET']],
  [18, [':method', 'HEAD']],
  [19, [':method', 'OPTIONS']],
  [20, [':method', 'POST']],
  [21, [':method', 'PUT']],
  [22, [':scheme', 'http']],
  [23, [':scheme', 'https']],
])

/** What a request asks for: its pseudo-headers and the fields with a name of their own. */
export type Headers = ReadonlyMap<string, string>

/** @throws Http3Error when it is none, or needs a dynamic table; InvalidDataError */
export function decodeHeaders(block: Uint8Array): Headers {
  const reader = new BlockReader(block)
  const headers = new Map<string, string>()
  // How many entries of the dynamic table it needs, and where they are counted from.
  if (reader.integer(8) !== 0) throw broken('a dynamic table')
  reader.integer(7)
  for (let fields = 0; !reader.isAtEnd; fields += 1) {
    if (fields === MAX_HEADER_FIELDS) throw broken(`more than ${MAX_HEADER_FIELDS} fields`)
    const [name, value] = readField(reader)
    if (name === null) continue
    if (headers.has(name) && name.startsWith(':')) throw broken(`${name} twice`)
    headers.set(name, value)
  }
  return headers
}

/** A name is null when nobody looks at the field. */
function readField(reader: BlockReader): readonly [name: string | null, value: string] {
  const first = reader.peek()
  if (first >= 0x80) {
    if ((first & 0x40) === 0) throw broken('a dynamic table')
    return entry(reader.integer(6))
  }
  if (first >= 0x40) {
    if ((first & 0x10) === 0) throw broken('a dynamic table')
    const [name] = entry(reader.integer(4))
    return [name, reader.text(7)]
  }
  if (first < 0x20) throw broken('a dynamic table')
  return [reader.text(3), reader.text(7)]
}

function entry(index: number): readonly [name: string | null, value: string] {
  if (index >= STATIC_ENTRIES) throw broken('no such entry')
  return STATIC.get(index) ?? [null, '']
}

class BlockReader {
  readonly #block: Uint8Array
  #at = 0

  constructor(block: Uint8Array) {
    this.#block = block
  }

  get isAtEnd(): boolean {
    return this.#at === this.#block.byteLength
  }

  peek(): number {
    const byte = this.#block[this.#at]
    if (byte === undefined) throw broken('a block without its end')
    return byte
  }

  /** An integer that begins with the last bits of a byte: https://www.rfc-editor.org/rfc/rfc7541#section-5.1 */
  integer(bits: number): number {
    const most = 2 ** bits - 1
    let value = this.#byte() & most
    if (value < most) return value
    for (let shift = 0; ; shift += 7) {
      const byte = this.#byte()
      value += (byte & 0x7f) * 2 ** shift
      // Nothing in a block is counted so far.
      if (value > this.#block.byteLength + STATIC_ENTRIES) throw broken('too large an integer')
      if (byte < 0x80) return value
      if (shift > 21) throw broken('too long an integer')
    }
  }

  /** A text whose length is in the last bits of a byte; the bit before them says how it is written. */
  text(bits: number): string {
    const isHuffman = (this.peek() & (2 ** bits)) !== 0
    const length = this.integer(bits)
    const end = this.#at + length
    if (end > this.#block.byteLength) throw broken('a text without its end')
    const bytes = this.#block.subarray(this.#at, end)
    this.#at = end
    return isHuffman ? decodeHuffman(bytes) : Buffer.from(bytes).toString('latin1')
  }

  #byte(): number {
    const byte = this.peek()
    this.#at += 1
    return byte
  }
}

function broken(what: string): Http3Error {
  return new Http3Error(`headers: ${what}`, HTTP3.qpackDecompressionFailed)
}

/** A block of fields, all written out. @param fields each with a name and a value of at most 126 ASCII characters */
export function encodeHeaders(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  const parts = fields.map(([name, value]) => {
    const length = name.length < 7 ? [0x20 | name.length] : [0x27, name.length - 7]
    const [nameBytes, valueBytes] = [Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1')]
    return Buffer.concat([Buffer.from(length), nameBytes, Buffer.of(value.length), valueBytes])
  })
  return Buffer.concat([Buffer.of(0, 0), ...parts])
}
