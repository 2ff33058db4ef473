/**
 * What WebTransport needs of HTTP/3 (https://www.rfc-editor.org/rfc/rfc9114): a control stream each way, and one request
 * that becomes the session (draft-ietf-webtrans-http3-02, which browsers speak).
 */
import { MAX_HEADER_BLOCK_BYTES, MAX_HTTP3_ITEM_BYTES } from '../limits.ts'
import { HTTP3, Http3Error } from './http3-error.ts'
import { type Item, ItemReader, type Reading } from './items.ts'
import { decodeHeaders, encodeHeaders, type Headers } from './qpack.ts'
import { decodeVarint, encodeVarint } from './varint.ts'

/** Types of streams that begin with one. */
export const STREAM = { control: 0, push: 1, encoder: 2, decoder: 3, session: 0x54 } as const

/** A stream of a session that goes both ways begins with this, and the id of the stream that asked for the session. */
export const SESSION_STREAM = 0x41

const FRAME = { data: 0, headers: 1, settings: 4 } as const

/** Frames that only belong on a control stream, and those of HTTP/2 that no HTTP/3 has. */
const CONTROL_ONLY = new Set([3, 4, 5, 7, 13])
const OF_HTTP2 = new Set([2, 6, 8, 9])

/** https://datatracker.ietf.org/doc/html/draft-ietf-webtrans-http3-02#section-5 */
const CLOSE_SESSION = 0x2843

/** What this end can do; browsers look for one or another of these, by the draft they know. */
const OWN_SETTINGS: readonly (readonly [id: number, value: number])[] = [
  // No dynamic table, and nobody may wait for one.
  [0x01, 0],
  [0x07, 0],
  // Extended CONNECT: https://www.rfc-editor.org/rfc/rfc9220
  [0x08, 1],
  // Datagrams, as standardised and as in the draft that Chromium began with.
  [0x33, 1],
  [0xffd277, 1],
  // WebTransport: draft 02, and how many sessions in drafts 07 and 13.
  [0x2b603742, 1],
  [0xc671706a, 1],
  [0x14e9cd29, 1],
]

/** What this end's control stream begins with. */
export function encodeControlStream(): Buffer {
  const settings = OWN_SETTINGS.flatMap(([id, value]) => [encodeVarint(id), encodeVarint(value)])
  return Buffer.concat([encodeVarint(STREAM.control), frame(FRAME.settings, ...settings)])
}

/** An answer without a body. A session is taken with 200. */
export function encodeAnswer(status: 200 | 404 | 429): Buffer {
  const version: [string, string][] =
    status === 200 ? [['sec-webtransport-http3-draft', 'draft02']] : []
  return frame(FRAME.headers, encodeHeaders([[':status', String(status)], ...version]))
}

/** What a stream of this session begins with when this end opens it. */
export function encodeSessionStream(session: number): Buffer {
  return Buffer.concat([encodeVarint(SESSION_STREAM), encodeVarint(session)])
}

/** What ends a session: no code, no reason. */
export function encodeClose(): Buffer {
  const body = new Uint8Array(4)
  const capsule = [encodeVarint(CLOSE_SESSION), encodeVarint(body.byteLength), body]
  return frame(FRAME.data, ...capsule)
}

function frame(type: number, ...parts: Uint8Array[]): Buffer {
  const length = parts.reduce((sum, { byteLength }) => sum + byteLength, 0)
  return Buffer.concat([encodeVarint(type), encodeVarint(length), ...parts])
}

/** Settings by their numbers. @throws Http3Error */
export function decodeSettings(bytes: Uint8Array): ReadonlyMap<number, number> {
  const settings = new Map<number, number>()
  for (let at = 0; at < bytes.byteLength;) {
    const id = decodeVarint(bytes, at)
    const value = id === null ? null : decodeVarint(bytes, id.end)
    if (id === null || value === null) {
      throw new Http3Error('settings without their end', HTTP3.frameError)
    }
    if (settings.has(id.value)) throw new Http3Error('a setting twice', HTTP3.settingsError)
    settings.set(id.value, value.value)
    at = value.end
  }
  return settings
}

/** The peer's control stream: settings first, then what a server of sessions may ignore. */
export class ControlReader {
  readonly #items = new ItemReader((type) => this.#readingOf(type))
  #isFirst = true

  /** @throws Http3Error, InvalidDataError */
  push(bytes: Uint8Array): void {
    for (const item of this.#items.push(bytes)) decodeSettings(item.bytes)
  }

  #readingOf(type: number): Reading {
    const isFirst = this.#isFirst
    this.#isFirst = false
    if (isFirst) {
      if (type === FRAME.settings) return { atMostBytes: MAX_HTTP3_ITEM_BYTES }
      throw new Http3Error('no settings first', HTTP3.missingSettings)
    }
    if ([FRAME.data, FRAME.headers, FRAME.settings].includes(type as 0) || OF_HTTP2.has(type)) {
      throw new Http3Error(`frame ${type} on a control stream`, HTTP3.frameUnexpected)
    }
    return 'skip'
  }
}

export type RequestEvent = { type: 'headers'; headers: Headers } | { type: 'close' }

/** The stream of a request: headers, and once it is a session, its capsules in the body. */
export class RequestReader {
  readonly #frames = new ItemReader((type) => this.#readingOf(type))
  readonly #capsules = new ItemReader((type) =>
    type === CLOSE_SESSION ? { atMostBytes: MAX_HTTP3_ITEM_BYTES } : 'skip',
  )
  #hasHeaders = false

  /** @throws Http3Error, InvalidDataError */
  push(bytes: Uint8Array): RequestEvent[] {
    return this.#frames.push(bytes).flatMap((item) => this.#eventsOf(item))
  }

  #eventsOf({ type, bytes }: Item): RequestEvent[] {
    if (type === FRAME.headers) return [{ type: 'headers', headers: decodeHeaders(bytes) }]
    return this.#capsules.push(bytes).map(() => ({ type: 'close' }))
  }

  #readingOf(type: number): Reading {
    if (type === FRAME.headers && !this.#hasHeaders) {
      this.#hasHeaders = true
      return { atMostBytes: MAX_HEADER_BLOCK_BYTES }
    }
    if (type === FRAME.data && this.#hasHeaders) return 'parts'
    const isKnown = type === FRAME.headers || type === FRAME.data
    if (isKnown || CONTROL_ONLY.has(type) || OF_HTTP2.has(type)) {
      throw new Http3Error(`frame ${type} in a request`, HTTP3.frameUnexpected)
    }
    return 'skip'
  }
}
