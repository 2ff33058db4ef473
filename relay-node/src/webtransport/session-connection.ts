import type {
  Logger as Libp2pLogger,
  MultiaddrConnection,
  MessageStreamDirection,
  StreamMuxer,
  StreamMuxerFactory,
} from '@libp2p/interface'
import { AbstractMultiaddrConnection, AbstractStreamMuxer, type SendResult } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { Clock } from '#lib/protocol/seams.ts'
import { QuotaError, SlowReaderError } from '../errors.ts'
import type { Inbound } from '../inbound.ts'
import {
  MAX_STREAMS_PER_CONNECTION,
  MAX_WEBTRANSPORT_EARLY_STREAMS,
  WEBTRANSPORT_SESSION_WINDOW_BYTES,
} from '../limits.ts'
import type { Refusals } from '../refusals.ts'
import { SessionStream } from './session-stream.ts'
import type { Word } from './words.ts'

const PROTOCOL = '/webtransport'

export interface SessionConnectionInit {
  session: number
  remoteAddr: Multiaddr
  log: Libp2pLogger
  /** How long a session may have no room left. */
  slowReaderTimeoutMs: number
  say: (word: Word) => void
  /** The number of a stream that the relay opens. */
  nextStream: () => number
  onStream: (number: number, stream: SessionStream) => void
  onStreamOver: (number: number) => void
}

/** A session of WebTransport as libp2p wants it: the streams are QUIC's, and nothing is sent beside them. */
export class SessionConnection extends AbstractMultiaddrConnection implements Inbound {
  readonly #clock: Clock
  readonly #refusals: Refusals
  readonly #init: SessionConnectionInit
  readonly #streams = new Set<SessionStream>()
  /** Streams the browser has opened before anybody wanted them. */
  readonly #early: SessionStream[] = []
  #onStream: ((stream: SessionStream) => void) | null = null
  #roomBytes = WEBTRANSPORT_SESSION_WINDOW_BYTES
  #forgiveReader: (() => void) | null = null
  #refused = false

  constructor(components: { clock: Clock; refusals: Refusals }, init: SessionConnectionInit) {
    super({ direction: 'inbound', remoteAddr: init.remoteAddr, log: init.log })
    this.#clock = components.clock
    this.#refusals = components.refusals
    this.#init = init
    this.addEventListener('close', () => {
      this.#forgiveReader?.()
      for (const stream of [...this.#streams]) stream.onTransportClosed()
    })
  }

  /** Whether it was ended, and counted, because of what the peer did. */
  get refused(): boolean {
    return this.#refused
  }

  /** The next streams that the browser opens, and those it has opened already. */
  serve(onStream: (stream: SessionStream) => void): void {
    this.#onStream = onStream
    for (const stream of this.#early.splice(0)) onStream(stream)
  }

  /** The next stream that the browser opens. */
  firstStream(signal: AbortSignal): Promise<SessionStream> {
    const { promise, resolve, reject } = Promise.withResolvers<SessionStream>()
    const fail = (): void => {
      reject(new QuotaError('no stream came'))
    }
    signal.addEventListener('abort', fail, { once: true })
    this.addEventListener('close', fail, { once: true })
    this.serve((stream) => {
      this.#onStream = null
      resolve(stream)
    })
    return promise
  }

  /** The browser has opened a stream. */
  opened(number: number): void {
    const stream = this.#add(number, 'inbound')
    if (this.#streams.size > MAX_STREAMS_PER_CONNECTION + 1) {
      this.#refusals.count('streams-per-connection')
      stream.abort(new QuotaError(`more than ${MAX_STREAMS_PER_CONNECTION} streams`))
    } else if (this.#onStream !== null) {
      this.#onStream(stream)
    } else if (this.#early.push(stream) > MAX_WEBTRANSPORT_EARLY_STREAMS) {
      this.#refuse(new QuotaError(`more than ${MAX_WEBTRANSPORT_EARLY_STREAMS} early streams`))
    }
  }

  openStream(): SessionStream {
    const number = this.#init.nextStream()
    this.#init.say({ type: 'open', session: this.#init.session, stream: number })
    return this.#add(number, 'outbound')
  }

  /** The streams of it, as they are. */
  muxer(): StreamMuxerFactory {
    return {
      protocol: PROTOCOL,
      createStreamMuxer: (connection) => new SessionMuxer(connection as MultiaddrConnection, this),
    }
  }

  /** It is over, or the process that had it is. */
  lost(): void {
    if (this.status === 'open' || this.status === 'closing') this.onTransportClosed()
  }

  override sendData(data: Uint8ArrayList): SendResult {
    return { sentBytes: data.byteLength, canSendMore: true }
  }

  override sendReset(): void {
    this.#close()
  }

  override sendClose(): Promise<void> {
    this.#close()
    return Promise.resolve()
  }

  override sendPause(): void {
    // Each stream pauses by itself.
  }

  override sendResume(): void {
    // Each stream goes on by itself.
  }

  #close(): void {
    this.#init.say({ type: 'close', session: this.#init.session })
  }

  #add(number: number, direction: MessageStreamDirection): SessionStream {
    const { say, log, onStream, onStreamOver } = this.#init
    const stream: SessionStream = new SessionStream({
      number,
      direction,
      log,
      say,
      takeRoom: (byteCount) => this.#takeRoom(byteCount),
      giveRoom: (byteCount) => {
        this.#giveRoom(byteCount)
      },
      onClose: () => {
        this.#streams.delete(stream)
        onStreamOver(number)
      },
    })
    this.#streams.add(stream)
    onStream(number, stream)
    return stream
  }

  #takeRoom(byteCount: number): number {
    const taken = Math.min(byteCount, this.#roomBytes)
    this.#roomBytes -= taken
    if (this.#roomBytes === 0) {
      this.#forgiveReader ??= this.#clock.after(this.#init.slowReaderTimeoutMs, () => {
        this.#refusals.count('slow-reader')
        this.#refuse(new SlowReaderError(`nothing read for ${this.#init.slowReaderTimeoutMs} ms`))
      })
    }
    return taken
  }

  #giveRoom(byteCount: number): void {
    if (byteCount === 0) return
    const wasFull = this.#roomBytes === 0
    this.#roomBytes += byteCount
    if (!wasFull) return
    this.#forgiveReader?.()
    this.#forgiveReader = null
    for (const stream of this.#streams) if (stream.writableNeedsDrain) stream.onMuxerDrain()
  }

  #refuse(error: Error): void {
    this.#refused = true
    this.abort(error)
  }
}

class SessionMuxer extends AbstractStreamMuxer implements StreamMuxer {
  readonly #session: SessionConnection

  constructor(connection: MultiaddrConnection, session: SessionConnection) {
    super(connection, { protocol: PROTOCOL, name: 'muxer' })
    this.#session = session
    session.serve((stream) => {
      this.onRemoteStream(stream)
    })
  }

  override onCreateStream(): SessionStream {
    return this.#session.openStream()
  }

  /** Nothing comes beside the streams. */
  override onData(): void {
    return
  }
}
