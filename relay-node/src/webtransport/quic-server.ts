import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { quiche } from '@matrixai/quic/native/index.js'
import type { Config, Header } from '@matrixai/quic/native/types.js'
import type { Clock, Random } from '#lib/protocol/seams.ts'
import { sourceOf } from '../admission.ts'
import { AtOnce } from '../at-once.ts'
import {
  MAX_QUIC_HANDSHAKES_PER_SECOND,
  MAX_STREAMS_PER_CONNECTION,
  MAX_WEBTRANSPORT_CONNECTIONS,
  MAX_WEBTRANSPORT_CONNECTIONS_PER_ADDRESS,
  QUIC_IDLE_MS,
  WEBTRANSPORT_SESSION_WINDOW_BYTES,
  WEBTRANSPORT_STREAM_WINDOW_BYTES,
} from '../limits.ts'
import { RateLimit } from '../rate-limit.ts'
import { HTTP3 } from './http3-error.ts'
import { type Place, QuicConnection } from './quic-connection.ts'
import type { QuicStream } from './quic-stream.ts'
import { RetryTokens } from './retry-tokens.ts'
import type { REFUSED } from './words.ts'
import { type Word } from './words.ts'

/** A packet that begins a connection is at least as long: https://www.rfc-editor.org/rfc/rfc9000#section-14.1 */
const MIN_INITIAL_BYTES = 1_200

/** Fits through what most networks let through, in one piece. */
const MAX_PACKET_BYTES = 1_350

/** Longest that is taken; Ethernet has no longer ones. */
const MAX_RECEIVED_BYTES = 1_472

/** QUIC's longest, so that nobody meets one by chance. */
const ID_BYTES = 20

/** One-way streams a peer may have: control, QPACK's two, and what browsers open to keep servers tolerant. */
const MAX_ONE_WAY_STREAMS = 8

/** Which it counts under. */
const EVERYONE = 'everyone'

export type Refused = (typeof REFUSED)[number]

export interface QuicServerComponents {
  clock: Clock
  random: Pick<Random, 'bytes'>
  say: (word: Word) => void
  /** Whether the relay keeps up. */
  mayRead: () => boolean
  onRefused: (refused: Refused) => void
}

/** The process's side of words: a UDP socket, its connections, and the sessions and streams that the relay knows by numbers. */
export class QuicServer {
  readonly #components: QuicServerComponents
  readonly #tokens: RetryTokens
  readonly #handshakes: RateLimit
  readonly #places = new AtOnce({
    max: MAX_WEBTRANSPORT_CONNECTIONS,
    maxPerAsker: MAX_WEBTRANSPORT_CONNECTIONS_PER_ADDRESS,
  })
  readonly #connections = new Map<string, QuicConnection>()
  readonly #sessions = new Map<number, QuicConnection>()
  readonly #streams = new Map<number, { connection: QuicConnection; stream: QuicStream }>()
  readonly #packet = new Uint8Array(MAX_PACKET_BYTES)
  #config: Config | null = null
  #socket: Socket | null = null
  #local = { host: '', port: 0 }
  #sessionCount = 0
  #streamCount = 0

  constructor(components: QuicServerComponents) {
    this.#components = components
    this.#tokens = new RetryTokens(components)
    this.#handshakes = new RateLimit(components, {
      max: MAX_QUIC_HANDSHAKES_PER_SECOND,
      windowMs: 1_000,
    })
  }

  /** What the relay says; what is meant for somebody who is gone is not said to anybody. */
  async take(word: Word): Promise<void> {
    switch (word.type) {
      case 'certificate':
        this.#config = configWith(word)
        return
      case 'listen':
        await this.#listen(word.host, word.port)
        return
      case 'open':
        this.#sessions.get(word.session)?.open(word.stream)
        return
      case 'close':
        this.#sessions.get(word.session)?.close()
        return
      case 'data':
      case 'taken':
      case 'end':
      case 'reset':
      case 'stop': {
        const found = this.#streams.get(word.stream)
        found?.connection.take(found.stream, word)
        return
      }
      default:
    }
  }

  /** The relay keeps up again. */
  resume(): void {
    for (const connection of this.#connections.values()) connection.resume()
  }

  async #listen(host: string, port: number): Promise<void> {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
    this.#socket = socket
    socket.on('message', (datagram, { address, port: from }) => {
      try {
        // A link-local address names the interface, too.
        this.#receive(datagram, { address: address.replace(/%.*$/, ''), port: from })
      } catch (error) {
        // quiche's own errors have no other name; ours are caught where they belong.
        if (!(error instanceof Error) || error.name !== 'Error') throw error
        this.#components.onRefused('webtransport-malformed')
      }
    })
    socket.bind(port, host)
    await once(socket, 'listening')
    this.#local = { host, port: socket.address().port }
    this.#components.say({ type: 'listening', port: this.#local.port })
  }

  #receive(datagram: Uint8Array, from: Place): void {
    const header = quiche.Header.fromSlice(datagram, ID_BYTES)
    const known = this.#connections.get(keyOf(header.dcid))
    if (known !== undefined) {
      known.receive(datagram, this.#local)
      return
    }
    const begins = header.ty === quiche.Type.Initial && datagram.byteLength >= MIN_INITIAL_BYTES
    // Also what is late for a connection that is over.
    if (!begins) return
    if (!quiche.versionIsSupported(header.version)) {
      this.#reply(quiche.negotiateVersion(header.scid, header.dcid, this.#packet), from)
    } else if (header.token === undefined || header.token.byteLength === 0) {
      this.#askBack(header, from)
    } else {
      this.#accept(header, from)?.receive(datagram, this.#local)
    }
  }

  /** Has the client show that it gets what is sent to its address; nothing is kept of it until then. */
  #askBack({ scid, dcid, version }: Header, from: Place): void {
    const id = this.#components.random.bytes(ID_BYTES)
    const token = this.#tokens.make({ ...from, id }, dcid)
    this.#reply(quiche.retry(scid, dcid, id, token, version, this.#packet), from)
  }

  #accept({ dcid, token }: Header, from: Place): QuicConnection | null {
    const { clock, say, mayRead, onRefused } = this.#components
    const firstId = this.#tokens.firstIdOf(token!, { ...from, id: dcid })
    if (firstId === null || this.#config === null) {
      onRefused('webtransport-malformed')
      return null
    }
    if (!this.#handshakes.allow(EVERYONE)) {
      onRefused('webtransport-rate')
      return null
    }
    const leave = this.#places.enter(sourceOf(from.address))
    if (leave === null) {
      const isFull = this.#connections.size >= MAX_WEBTRANSPORT_CONNECTIONS
      onRefused(isFull ? 'webtransport-total' : 'webtransport-per-address')
      return null
    }
    const key = keyOf(dcid)
    const peer = { host: from.address, port: from.port }
    const connection: QuicConnection = new QuicConnection({
      quic: quiche.Connection.accept(dcid, firstId, this.#local, peer, this.#config),
      peer: from,
      clock,
      say,
      mayRead,
      send: (packet, to) => {
        // A packet that does not go out is lost, as others are on their way.
        this.#socket?.send(packet, to.port, to.host, () => undefined)
      },
      nextSession: () => (this.#sessionCount += 1),
      nextStream: () => (this.#streamCount += 2),
      onMalformed: () => {
        onRefused('webtransport-malformed')
      },
      onSession: (session) => this.#sessions.set(session, connection),
      onStream: (number, stream) => this.#streams.set(number, { connection, stream }),
      onStreamOver: (number) => this.#streams.delete(number),
      onOver: (session) => {
        leave()
        this.#connections.delete(key)
        if (session === null) return
        this.#sessions.delete(session)
        say({ type: 'over', session })
      },
    })
    this.#connections.set(key, connection)
    return connection
  }

  #reply(length: number, { address, port }: Place): void {
    this.#socket?.send(this.#packet.slice(0, length), port, address, () => undefined)
  }

  /** Ends every connection. */
  stop(): void {
    for (const connection of this.#connections.values()) connection.end(HTTP3.noError)
  }
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id).toString('hex')
}

function configWith({ cert, key }: { cert: string; key: string }): Config {
  const config = quiche.Config.withBoringSslCtx(
    false,
    false,
    null,
    [Buffer.from(key)],
    [Buffer.from(cert)],
    null,
  )
  config.setApplicationProtos(['h3'])
  config.setMaxIdleTimeout(QUIC_IDLE_MS)
  config.setMaxRecvUdpPayloadSize(MAX_RECEIVED_BYTES)
  config.setMaxSendUdpPayloadSize(MAX_PACKET_BYTES)
  config.setInitialMaxData(WEBTRANSPORT_SESSION_WINDOW_BYTES)
  config.setMaxConnectionWindow(WEBTRANSPORT_SESSION_WINDOW_BYTES)
  config.setInitialMaxStreamDataBidiLocal(WEBTRANSPORT_STREAM_WINDOW_BYTES)
  config.setInitialMaxStreamDataBidiRemote(WEBTRANSPORT_STREAM_WINDOW_BYTES)
  config.setInitialMaxStreamDataUni(WEBTRANSPORT_STREAM_WINDOW_BYTES)
  config.setMaxStreamWindow(4 * WEBTRANSPORT_STREAM_WINDOW_BYTES)
  // The request of the session is one of them, and so is the stream of the handshake while it lasts.
  config.setInitialMaxStreamsBidi(MAX_STREAMS_PER_CONNECTION)
  config.setInitialMaxStreamsUni(MAX_ONE_WAY_STREAMS)
  // Browsers want datagrams to be there; libp2p sends none.
  config.enableDgram(true, 1, 1)
  // Who comes from another address dials again.
  config.setDisableActiveMigration(true)
  config.enablePacing(false)
  config.grease(false)
  return config
}
