/** What HTTP/3 frames and capsules have in common: a type, a length, and so many bytes. */
import { Http3Error, HTTP3 } from './http3-error.ts'
import { decodeVarint, MAX_VARINT_BYTES } from './varint.ts'

/** How items of a type are read: whole and at most so long, in parts as they come, or not at all. */
export type Reading = { atMostBytes: number } | 'parts' | 'skip'

export interface Item {
  type: number
  bytes: Uint8Array
}

interface Current {
  type: number
  reading: Reading
  leftBytes: number
  parts: Uint8Array[]
}

/** Reads items from bytes as they come; holds at most one that is not here whole, and of it no more than it may have. */
export class ItemReader {
  readonly #readingOf: (type: number) => Reading
  #head: Uint8Array = new Uint8Array()
  #current: Current | null = null

  /** @param readingOf is asked once for each item; what it throws ends the reading */
  constructor(readingOf: (type: number) => Reading) {
    this.#readingOf = readingOf
  }

  /** Whether the bytes so far end with an item. */
  get isBetween(): boolean {
    return this.#current === null && this.#head.byteLength === 0
  }

  /** Items that are whole with these bytes, and parts of others. @throws Http3Error, InvalidDataError */
  push(bytes: Uint8Array): Item[] {
    const items: Item[] = []
    let rest = bytes
    while (rest.byteLength > 0 || this.#current?.leftBytes === 0) {
      rest = this.#current === null ? this.#begin(rest) : this.#go(this.#current, rest, items)
    }
    return items
  }

  #begin(bytes: Uint8Array): Uint8Array {
    const had = this.#head.byteLength
    const head = Buffer.concat([this.#head, bytes.subarray(0, 2 * MAX_VARINT_BYTES - had)])
    const type = decodeVarint(head)
    const length = type === null ? null : decodeVarint(head, type.end)
    if (type === null || length === null) {
      this.#head = head
      return bytes.subarray(head.byteLength - had)
    }
    const reading = this.#readingOf(type.value)
    if (typeof reading === 'object' && length.value > reading.atMostBytes) {
      throw new Http3Error(`an item of ${length.value} bytes`, HTTP3.excessiveLoad)
    }
    this.#head = new Uint8Array()
    this.#current = { type: type.value, reading, leftBytes: length.value, parts: [] }
    return bytes.subarray(length.end - had)
  }

  #go(current: Current, bytes: Uint8Array, items: Item[]): Uint8Array {
    const { type, reading, parts } = current
    const part = bytes.subarray(0, current.leftBytes)
    current.leftBytes -= part.byteLength
    if (reading === 'parts') {
      if (part.byteLength > 0) items.push({ type, bytes: part })
    } else if (reading !== 'skip') {
      parts.push(Uint8Array.from(part))
      if (current.leftBytes === 0) items.push({ type, bytes: Buffer.concat(parts) })
    }
    if (current.leftBytes === 0) this.#current = null
    return bytes.subarray(part.byteLength)
  }
}
