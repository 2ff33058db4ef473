import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { Logger as Libp2pLogger } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { RawData, WebSocket } from 'ws'
import type { Clock } from '#lib/protocol/seams.ts'
import { BadFrameError, SlowReaderError } from './errors.ts'
import {
  KEEPALIVE_MS,
  MAX_FRAME_BEFORE_AUTHENTICATION_BYTES,
  MAX_SOCKET_QUEUE_BYTES,
  MAX_UNANSWERED_PINGS,
  MAX_WRITE_BUFFER_BYTES,
} from './limits.ts'
import type { Inbound } from './inbound.ts'
import type { Refusal, Refusals } from './refusals.ts'
import { SlowReader } from './slow-reader.ts'

/** libp2p writes at most this much at a time: the largest Noise message. */
const MAX_WRITE_BYTES = 64 * 1_024

export interface WebSocketConnectionComponents {
  clock: Clock
  refusals: Refusals
}

export interface WebSocketConnectionInit {
  socket: WebSocket
  remoteAddr: Multiaddr
  log: Libp2pLogger
  /** How long half of a full socket may take to be read. */
  slowReaderTimeoutMs: number
}

/**
 * An accepted WebSocket as libp2p wants it.
 *
 * It hands the socket at most `MAX_SOCKET_QUEUE_BYTES`, holds at most `MAX_WRITE_BUFFER_BYTES` behind that, and cuts a
 * reader that does not take half of that in `slowReaderTimeoutMs`. It stops reading while libp2p is paused. A
 * broken frame ends only this connection.
 */
export class WebSocketConnection extends AbstractMultiaddrConnection implements Inbound {
  readonly #socket: WebSocket
  readonly #clock: Clock
  readonly #refusals: Refusals
  readonly #reader: SlowReader
  #authenticated = false
  #refused = false
  #cancelPing: () => void
  #unanswered = 0
  /** When the last ping was sent, which is what it says; null: it was answered, or none was sent. */
  #pingedAtMs: number | null = null
  #roundTripMs: number | null = null

  constructor(components: WebSocketConnectionComponents, init: WebSocketConnectionInit) {
    super({
      direction: 'inbound',
      remoteAddr: init.remoteAddr,
      log: init.log,
      maxMessageSize: MAX_WRITE_BYTES,
      maxWriteBufferLength: MAX_WRITE_BUFFER_BYTES,
    })
    this.#socket = init.socket
    this.#clock = components.clock
    this.#refusals = components.refusals
    const { slowReaderTimeoutMs: timeoutMs } = init
    this.#reader = new SlowReader(components, {
      timeoutMs,
      onSlow: () => {
        const late = `${this.#socket.bufferedAmount} bytes for ${timeoutMs} ms`
        this.#refuse('slow-reader', new SlowReaderError(late))
      },
    })
    this.#socket.binaryType = 'nodebuffer'
    this.#socket.on('message', (data, isBinary) => {
      this.#receive(data, isBinary)
    })
    this.#socket.on('error', (error) => {
      this.#fail(error)
    })
    this.#socket.on('pong', (data) => {
      this.#unanswered = 0
      this.#measure(data.toString())
    })
    this.#cancelPing = this.#pingLater()
    this.#socket.once('close', (code) => {
      this.#cancelPing()
      this.#reader.stop()
      // Ended from this side already: nothing to tell.
      if (this.status !== 'open' && this.status !== 'closing') return
      if (code === ABNORMAL_CLOSURE) this.onRemoteReset()
      else this.onTransportClosed()
    })
  }

  /** The peer has proven its id: longer messages are taken from now on. */
  authenticated(): void {
    this.#authenticated = true
  }

  /** Whether it was ended, and counted, because of what the peer did. */
  get refused(): boolean {
    return this.#refused
  }

  /** Of the last ping that was answered, ms, with what it waited behind; null: none was yet. */
  get roundTripMs(): number | null {
    return this.#roundTripMs
  }

  /** Counts the one end that libp2p decides: more waits to be written, or read, than may. */
  override abort(error: Error): void {
    if (this.status === 'open' && error.name === 'StreamBufferError') {
      this.#refusals.count('buffer-full')
    }
    super.abort(error)
  }

  override sendData(data: Uint8ArrayList): SendResult {
    let sentBytes = 0
    let full = false
    for (const chunk of data) {
      full = this.#socket.bufferedAmount + chunk.byteLength > MAX_SOCKET_QUEUE_BYTES
      if (full) break
      this.#socket.send(chunk, () => {
        this.#onTaken()
      })
      sentBytes += chunk.byteLength
    }
    if (full) this.#reader.full(this.#socket.bufferedAmount)
    return { sentBytes, canSendMore: !full }
  }

  override sendReset(): void {
    this.#socket.terminate()
  }

  override sendClose(): Promise<void> {
    this.#socket.close()
    return Promise.resolve()
  }

  override sendPause(): void {
    this.#socket.pause()
  }

  override sendResume(): void {
    this.#socket.resume()
  }

  #receive(data: RawData, isBinary: boolean): void {
    // `nodebuffer` makes every message one Buffer.
    const bytes = data as Buffer
    if (!isBinary) {
      this.#refuse('frame-text', new BadFrameError('a text message'))
    } else if (!this.#authenticated && bytes.byteLength > MAX_FRAME_BEFORE_AUTHENTICATION_BYTES) {
      this.#refuse('frame-too-large', new BadFrameError(`${bytes.byteLength} bytes from nobody`))
    } else {
      this.onData(bytes)
    }
  }

  #fail(error: Error & { code?: string }): void {
    const code = error.code ?? ''
    if (TOO_LARGE.has(code)) this.#refuse('frame-too-large', error)
    else if (code.startsWith('WS_ERR_')) this.#refuse('frame-malformed', error)
    else this.abort(error)
  }

  #refuse(refusal: Refusal, error: Error): void {
    this.#refused = true
    this.#refusals.count(refusal)
    this.abort(error)
  }

  /** A peer that lost its network says nothing: without this it would be connected for a quarter of an hour. */
  #pingLater(): () => void {
    return this.#clock.after(KEEPALIVE_MS, () => {
      if (this.#unanswered >= MAX_UNANSWERED_PINGS) {
        this.abort(new SlowReaderError(`no answer to ${this.#unanswered} pings`))
        return
      }
      this.#unanswered += 1
      this.#pingedAtMs = this.#clock.now()
      this.#socket.ping(String(this.#pingedAtMs))
      this.#cancelPing = this.#pingLater()
    })
  }

  /** A pong says what its ping said; one to an older ping, or to none, measures nothing. */
  #measure(said: string): void {
    if (this.#pingedAtMs === null || said !== String(this.#pingedAtMs)) return
    // The clock may have been set back meanwhile.
    this.#roundTripMs = Math.max(0, this.#clock.now() - this.#pingedAtMs)
    this.#pingedAtMs = null
  }

  /** The network took what was handed to the socket. */
  #onTaken(): void {
    if (!this.#reader.left(this.#socket.bufferedAmount)) return
    // Pings wait behind what it takes, however slowly; and who has lost the network takes no such amount.
    this.#unanswered = 0
    this.safeDispatchEvent('drain')
  }
}

/** The socket ended without a closing handshake: https://www.rfc-editor.org/rfc/rfc6455#section-7.4.1 */
const ABNORMAL_CLOSURE = 1_006

/** Errors of ws for what is longer than it may be: https://github.com/websockets/ws/blob/master/doc/ws.md#error-codes */
const TOO_LARGE = new Set([
  'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
  'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
  'WS_ERR_TOO_MANY_BUFFERED_PARTS',
])
