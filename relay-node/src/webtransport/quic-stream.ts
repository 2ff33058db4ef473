import { quiche } from '@matrixai/quic/native/index.js'
import type { Connection, Shutdown } from '@matrixai/quic/native/types.js'
import { WEBTRANSPORT_STREAM_WINDOW_BYTES } from '../limits.ts'
import { MAX_DATA_BYTES, type Word } from './words.ts'

/** The application's error 0 in HTTP/3: https://datatracker.ietf.org/doc/html/draft-ietf-webtrans-http3-02#section-4.3 */
const NO_REASON = 0x52e4a40fa8db

export interface QuicStreamInit {
  quic: Connection
  /** QUIC's number of it. */
  id: number
  /** The number that the relay knows it by. */
  number: number
  say: (word: Word) => void
  /** False while the relay is behind: what came then waits with its sender. */
  mayRead: () => boolean
}

/**
 * A stream of a session, between quiche and the relay. It reads as much as the relay has room for, and holds at most a
 * window of what the relay gave.
 */
export class QuicStream {
  readonly #init: QuicStreamInit
  readonly #waiting: Uint8Array[] = []
  #roomBytes = WEBTRANSPORT_STREAM_WINDOW_BYTES
  #ends = false
  #readable = true
  #writable = true

  /** @param preamble what it begins with, when this end opened it */
  constructor(init: QuicStreamInit, preamble: Uint8Array | null = null) {
    this.#init = init
    if (preamble !== null) this.#waiting.push(preamble)
    this.#preambleBytes = preamble?.byteLength ?? 0
  }

  #preambleBytes: number

  get number(): number {
    return this.#init.number
  }

  get isOver(): boolean {
    return !this.#readable && !this.#writable
  }

  /** The relay has something to send, or to say of it. */
  take(word: Word): void {
    switch (word.type) {
      case 'data':
        if (this.#ends || !this.#writable) return
        this.#waiting.push(word.bytes)
        this.write()
        return
      case 'end':
        this.#ends = true
        this.write()
        return
      case 'taken':
        this.#roomBytes += word.byteCount
        this.read()
        return
      case 'reset':
        this.#shut(quiche.Shutdown.Write)
        return
      case 'stop':
        this.#shut(quiche.Shutdown.Read)
        return
      default:
    }
  }

  /** Hands on what has come, as far as there is room. */
  read(): void {
    const { quic, id, number, say, mayRead } = this.#init
    while (this.#readable && this.#roomBytes > 0 && mayRead()) {
      const bytes = new Uint8Array(Math.min(this.#roomBytes, MAX_DATA_BYTES))
      let got: [number, boolean] | null
      try {
        got = quic.streamRecv(id, bytes)
      } catch {
        // Reset by the browser, or not there any more.
        this.#readable = false
        say({ type: 'reset', stream: number })
        return
      }
      if (got === null) return
      const [length, isLast] = got
      this.#roomBytes -= length
      if (length > 0) say({ type: 'data', stream: number, bytes: bytes.subarray(0, length) })
      if (isLast) {
        this.#readable = false
        say({ type: 'end', stream: number })
      }
    }
  }

  /** Hands on what waits, as far as QUIC takes it. */
  write(): void {
    const { quic, id, number, say } = this.#init
    let taken = 0
    while (this.#writable && (this.#waiting.length > 0 || this.#ends)) {
      const [first = new Uint8Array()] = this.#waiting
      const isLast = this.#ends && this.#waiting.length <= 1
      let sent: number | null
      try {
        sent = quic.streamSend(id, first, isLast)
        // One that is gone takes nothing, and only this says that it never will.
        if (sent === null) quic.streamCapacity(id)
      } catch {
        // The browser reads no more of it.
        this.#shut(quiche.Shutdown.Write)
        say({ type: 'stop', stream: number })
        return
      }
      taken += sent ?? 0
      if (sent === null || sent < first.byteLength) {
        this.#waiting[0] = first.subarray(sent ?? 0)
        break
      }
      this.#waiting.shift()
      if (isLast) this.#writable = false
    }
    const preamble = Math.min(taken, this.#preambleBytes)
    this.#preambleBytes -= preamble
    if (taken > preamble) say({ type: 'taken', stream: number, byteCount: taken - preamble })
  }

  #shut(half: Shutdown): void {
    if (half === quiche.Shutdown.Read) {
      if (!this.#readable) return
      this.#readable = false
    } else {
      if (!this.#writable) return
      this.#writable = false
      this.#waiting.length = 0
    }
    try {
      this.#init.quic.streamShutdown(this.#init.id, half, NO_REASON)
    } catch {
      // Gone already.
    }
  }
}
