import { quiche } from '@matrixai/quic/native/index.js'
import type { Connection } from '@matrixai/quic/native/types.js'
import { InvalidDataError, LimitExceededError } from '#lib/protocol/errors.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import { QUIC_KEEPALIVE_MS, QUIC_SESSION_TIMEOUT_MS } from '../limits.ts'
import {
  ControlReader,
  encodeAnswer,
  encodeClose,
  encodeControlStream,
  encodeSessionStream,
  type RequestEvent,
  RequestReader,
  SESSION_STREAM,
  STREAM,
} from './http3.ts'
import { HTTP3, Http3Error } from './http3-error.ts'
import type { Headers } from './qpack.ts'
import { QuicStream } from './quic-stream.ts'
import { decodeVarint, encodeVarint, varintBytes } from './varint.ts'
import type { Word } from './words.ts'

/** Where libp2p asks for a session: https://github.com/libp2p/specs/tree/master/webtransport */
export const SESSION_PATH = '/.well-known/libp2p-webtransport?type=noise'

/** A stream of a session that is not, or no longer, there: draft-ietf-webtrans-http3-02, section 4.5. */
const NO_SUCH_SESSION = 0x3994bd84

/** How long a browser may take to hear that a session was closed before its connection is. */
const GOODBYE_MS = 1_000

/** Bytes read at once of what is not a session's stream. */
const READ_BYTES = 4_096

/** Streams of this end that go one way: control, and QPACK's two, which HTTP/3 wants to be there. */
const OWN_CONTROL = 3
const OWN_ENCODER = 7
const OWN_DECODER = 11

/** The numbers of QUIC's streams tell who opened them, and whether they go one way. */
const OPENED_HERE = 1
const ONE_WAY = 2
const NEXT = 4

export interface Place {
  address: string
  port: number
}

export interface QuicConnectionInit {
  quic: Connection
  peer: Place
  clock: Clock
  send: (datagram: Uint8Array, to: { host: string; port: number }) => void
  say: (word: Word) => void
  mayRead: () => boolean
  /** Numbers that no session, and no stream of a browser, has had. */
  nextSession: () => number
  nextStream: () => number
  /** What came was none of QUIC and HTTP/3. */
  onMalformed: () => void
  onSession: (session: number) => void
  onStream: (number: number, stream: QuicStream) => void
  onStreamOver: (number: number) => void
  /** Nothing of it is left. */
  onOver: (session: number | null) => void
}

/** What takes the bytes of a stream that belongs to no session. */
interface Sink {
  push(bytes: Uint8Array): void
  /** It ended, or was reset. */
  end(): void
}

/** A QUIC connection of which HTTP/3 makes one session of WebTransport. */
export class QuicConnection {
  readonly #init: QuicConnectionInit
  readonly #sinks = new Map<number, Sink>()
  /** Beginnings of streams that do not say yet what they are. */
  readonly #heads = new Map<number, Buffer>()
  readonly #streams = new Map<number, QuicStream>()
  readonly #packet = new Uint8Array(1_500)
  /** Kinds of one-way streams that there may be once. */
  readonly #kinds = new Set<number>()
  /** The session's number, and the stream of its request. */
  #session: { number: number; request: number } | null = null
  #nextOwn = OPENED_HERE
  #isEstablished = false
  #isOver = false
  #cancelTimeout: () => void = () => undefined
  #cancelDeadline: () => void
  #cancelKeepalive: () => void = () => undefined

  constructor(init: QuicConnectionInit) {
    this.#init = init
    this.#cancelDeadline = init.clock.after(QUIC_SESSION_TIMEOUT_MS, () => {
      this.end(HTTP3.requestRejected)
    })
  }

  receive(datagram: Uint8Array, to: { host: string; port: number }): void {
    const { quic, peer, onMalformed } = this.#init
    try {
      quic.recv(datagram, { from: { host: peer.address, port: peer.port }, to })
    } catch {
      // quiche has ended the connection where it must be.
      onMalformed()
    }
    this.#process()
  }

  /** The relay has room again. */
  resume(): void {
    for (const stream of this.#streams.values()) stream.read()
    this.#forgetStreams()
    this.flush()
  }

  /** Opens a stream for the relay; one that the browser does not take is over at once. */
  open(number: number): void {
    const { quic, say } = this.#init
    if (this.#session === null || quic.peerStreamsLeftBidi() === 0) {
      say({ type: 'stop', stream: number })
      say({ type: 'reset', stream: number })
      return
    }
    const id = this.#nextOwn
    this.#nextOwn += NEXT
    this.#addStream(id, number, encodeSessionStream(this.#session.request)).write()
    this.flush()
  }

  /** The relay has said something of a stream. */
  take(stream: QuicStream, word: Word): void {
    stream.take(word)
    this.#forgetStreams()
    this.flush()
  }

  /** Ends the session as it should be, and its connection soon after. */
  close(): void {
    if (this.#session === null || this.#isOver) return
    this.#write(this.#session.request, encodeClose(), true)
    this.flush()
    this.#cancelDeadline()
    this.#cancelDeadline = this.#init.clock.after(GOODBYE_MS, () => {
      this.end(HTTP3.noError)
    })
  }

  /** Ends the connection. */
  end(code: number): void {
    if (this.#isOver) return
    try {
      this.#init.quic.close(true, code, new Uint8Array())
    } catch {
      // It ends already.
    }
    this.flush()
  }

  /** Sends what there is to send, and looks when that will be again. */
  flush(): void {
    const { quic, clock, send } = this.#init
    if (this.#isOver) return
    for (;;) {
      let sent: ReturnType<Connection['send']>
      try {
        sent = quic.send(this.#packet)
      } catch {
        break
      }
      if (sent === null) break
      send(this.#packet.slice(0, sent[0]), sent[1].to)
    }
    this.#cancelTimeout()
    if (quic.isClosed()) {
      this.#over()
      return
    }
    const timeoutMs = quic.timeout()
    if (timeoutMs === null) return
    this.#cancelTimeout = clock.after(Math.max(1, timeoutMs), () => {
      quic.onTimeout()
      this.#process()
    })
  }

  #process(): void {
    const { quic, onMalformed } = this.#init
    try {
      if (!this.#isEstablished && quic.isEstablished()) this.#begin()
      if (this.#isEstablished) {
        for (const id of quic.readable()) this.#read(id)
        for (const stream of this.#streams.values()) stream.write()
      }
    } catch (error) {
      if (!(error instanceof Http3Error) && !isMalformed(error)) throw error
      onMalformed()
      this.end(error instanceof Http3Error ? error.code : HTTP3.frameError)
    }
    this.#forgetStreams()
    this.flush()
  }

  #begin(): void {
    this.#isEstablished = true
    this.#write(OWN_CONTROL, encodeControlStream())
    this.#write(OWN_ENCODER, encodeVarint(STREAM.encoder))
    this.#write(OWN_DECODER, encodeVarint(STREAM.decoder))
  }

  #read(id: number): void {
    const stream = this.#streams.get(id)
    if (stream !== undefined) {
      stream.read()
      return
    }
    const sink = this.#sinks.get(id) ?? this.#beginStream(id)
    if (sink === null) return
    const bytes = new Uint8Array(READ_BYTES)
    for (;;) {
      const got = this.#receiveFrom(id, bytes)
      if (got === null) return
      sink.push(bytes.subarray(0, got.length))
      if (!got.isLast) continue
      this.#sinks.delete(id)
      sink.end()
      return
    }
  }

  /** Learns what a stream is, as far as it says so; null when nothing more is to be read of it now. */
  #beginStream(id: number): Sink | null {
    let head = this.#heads.get(id) ?? Buffer.alloc(0)
    for (let missing = missingOf(id, head); missing > 0; missing = missingOf(id, head)) {
      const bytes = new Uint8Array(missing)
      const got = this.#receiveFrom(id, bytes)
      if (got === null) {
        this.#heads.set(id, head)
        return null
      }
      head = Buffer.concat([head, bytes.subarray(0, got.length)])
      if (got.isLast && missingOf(id, head) > 0) {
        this.#heads.delete(id)
        return null
      }
    }
    this.#heads.delete(id)
    const type = decodeVarint(head)!
    if (isOneWay(id)) return this.#oneWay(id, type.value)
    if (type.value === SESSION_STREAM) {
      this.#sessionStream(id, decodeVarint(head, type.end)!.value)
      return null
    }
    const sink = this.#request(id)
    this.#sinks.set(id, sink)
    sink.push(head)
    return sink
  }

  #oneWay(id: number, type: number): Sink | null {
    if (type === STREAM.push) throw new Http3Error('a push', HTTP3.streamCreation)
    if (type !== STREAM.control && type !== STREAM.encoder && type !== STREAM.decoder) {
      // Nobody here knows it, or libp2p does not use it.
      this.#shut(id, HTTP3.streamCreation)
      return null
    }
    if (this.#kinds.has(type)) throw new Http3Error('two of one kind', HTTP3.streamCreation)
    this.#kinds.add(type)
    const control = type === STREAM.control ? new ControlReader() : null
    const sink = {
      push: (bytes: Uint8Array) => control?.push(bytes),
      end: () => {
        throw new Http3Error('an end of what has none', HTTP3.closedCriticalStream)
      },
    }
    this.#sinks.set(id, sink)
    return sink
  }

  #sessionStream(id: number, request: number): void {
    if (this.#session?.request !== request) {
      this.#shut(id, NO_SUCH_SESSION, true)
      return
    }
    const number = this.#init.nextStream()
    this.#init.say({ type: 'opened', session: this.#session.number, stream: number })
    this.#addStream(id, number).read()
  }

  #request(id: number): Sink {
    const reader = new RequestReader()
    const take = (event: RequestEvent): void => {
      if (event.type === 'headers') this.#answer(id, event.headers)
      else if (this.#session?.request === id) this.end(HTTP3.noError)
    }
    return {
      push: (bytes) => {
        reader.push(bytes).forEach(take)
      },
      end: () => {
        if (this.#session?.request === id) this.end(HTTP3.noError)
      },
    }
  }

  #answer(id: number, headers: Headers): void {
    const { clock, peer, say, nextSession, onSession } = this.#init
    const isWanted =
      headers.get(':method') === 'CONNECT' &&
      headers.get(':protocol') === 'webtransport' &&
      headers.get(':path') === SESSION_PATH
    if (!isWanted || this.#session !== null) {
      this.#write(id, encodeAnswer(isWanted ? 429 : 404), true)
      return
    }
    this.#cancelDeadline()
    this.#write(id, encodeAnswer(200))
    this.#session = { number: nextSession(), request: id }
    onSession(this.#session.number)
    say({ type: 'session', session: this.#session.number, ...peer })
    const keepAlive = (): void => {
      this.#init.quic.sendAckEliciting()
      this.flush()
      if (!this.#isOver) this.#cancelKeepalive = clock.after(QUIC_KEEPALIVE_MS, keepAlive)
    }
    this.#cancelKeepalive = clock.after(QUIC_KEEPALIVE_MS, keepAlive)
  }

  #addStream(id: number, number: number, preamble: Uint8Array | null = null): QuicStream {
    const { quic, say, mayRead, onStream } = this.#init
    const stream = new QuicStream({ quic, id, number, say, mayRead }, preamble)
    this.#streams.set(id, stream)
    onStream(number, stream)
    return stream
  }

  #forgetStreams(): void {
    for (const [id, stream] of this.#streams) {
      if (!stream.isOver) continue
      this.#streams.delete(id)
      this.#init.onStreamOver(stream.number)
    }
  }

  /** A reset is an end; null when there is nothing now. */
  #receiveFrom(id: number, bytes: Uint8Array): { length: number; isLast: boolean } | null {
    try {
      const got = this.#init.quic.streamRecv(id, bytes)
      return got === null ? null : { length: got[0], isLast: got[1] }
    } catch {
      return { length: 0, isLast: true }
    }
  }

  /** Few bytes, which every window has room for: a peer whose has not does not get them. */
  #write(id: number, bytes: Uint8Array, isLast = false): void {
    try {
      this.#init.quic.streamSend(id, bytes, isLast)
    } catch {
      // Nobody reads it any more.
    }
  }

  #shut(id: number, code: number, both = false): void {
    const { Read, Write } = quiche.Shutdown
    for (const half of both ? [Read, Write] : [Read]) {
      try {
        this.#init.quic.streamShutdown(id, half, code)
      } catch {
        // Gone already.
      }
    }
  }

  #over(): void {
    this.#isOver = true
    this.#cancelTimeout()
    this.#cancelDeadline()
    this.#cancelKeepalive()
    for (const stream of this.#streams.values()) this.#init.onStreamOver(stream.number)
    this.#streams.clear()
    this.#sinks.clear()
    this.#heads.clear()
    this.#init.onOver(this.#session?.number ?? null)
  }
}

function isMalformed(error: unknown): boolean {
  return error instanceof InvalidDataError || error instanceof LimitExceededError
}

function isOneWay(id: number): boolean {
  return (id & ONE_WAY) !== 0
}

/** How many more bytes a stream must have, at least, to say what it is. */
function missingOf(id: number, head: Uint8Array): number {
  const missing = missingAt(head, 0)
  if (missing > 0 || isOneWay(id)) return missing
  const type = decodeVarint(head)!
  return type.value === SESSION_STREAM ? missingAt(head, type.end) : 0
}

function missingAt(head: Uint8Array, at: number): number {
  const first = head[at]
  if (first === undefined) return 1
  return Math.max(0, at + varintBytes(first) - head.byteLength)
}
