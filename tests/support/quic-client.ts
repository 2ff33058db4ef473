import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { randomBytes } from 'node:crypto'
import { quiche } from '@matrixai/quic/native/index.js'
import type { Connection } from '@matrixai/quic/native/types.js'
import { encodeHeaders } from '#relay/webtransport/qpack.ts'
import { encodeVarint } from '#relay/webtransport/varint.ts'

const HOST = '127.0.0.1'
const WINDOW_BYTES = 1_000_000

/** One that says whatever a test wants on a QUIC connection to this machine. */
export class QuicClient {
  readonly quic: Connection
  readonly #socket: Socket
  readonly #local: { host: string; port: number }
  readonly #established = Promise.withResolvers<undefined>()
  readonly #over = Promise.withResolvers<number>()
  readonly #got = new Map<number, Buffer>()
  readonly #ended = new Map<number, string>()
  readonly #packet = new Uint8Array(1_350)
  #timer: NodeJS.Timeout | undefined

  private constructor(socket: Socket, port: number) {
    this.#socket = socket
    this.#local = { host: HOST, port: socket.address().port }
    const config = new quiche.Config()
    config.verifyPeer(false)
    config.setApplicationProtos(['h3'])
    config.setMaxIdleTimeout(60_000)
    config.setInitialMaxData(WINDOW_BYTES)
    config.setInitialMaxStreamDataBidiLocal(WINDOW_BYTES)
    config.setInitialMaxStreamDataBidiRemote(WINDOW_BYTES)
    config.setInitialMaxStreamDataUni(WINDOW_BYTES)
    config.setInitialMaxStreamsBidi(100)
    config.setInitialMaxStreamsUni(100)
    const remote = { host: HOST, port }
    this.quic = quiche.Connection.connect(null, randomBytes(20), this.#local, remote, config)
    socket.on('message', (datagram) => {
      try {
        this.quic.recv(datagram, { from: remote, to: this.#local })
      } catch {
        // Its end is told below.
      }
      this.#go()
    })
  }

  /** Begins to connect; `established` says when it is. */
  static async begin(port: number): Promise<QuicClient> {
    const socket = createSocket('udp4').bind(0, HOST)
    await once(socket, 'listening')
    const client = new QuicClient(socket, port)
    client.#go()
    return client
  }

  static async connect(port: number): Promise<QuicClient> {
    const client = await QuicClient.begin(port)
    await client.established
    return client
  }

  /** A connection with a session of WebTransport. */
  static async openSession(port: number, path: string): Promise<QuicClient> {
    const client = await QuicClient.connect(port)
    client.send(0, request(path))
    await client.answer(0)
    return client
  }

  get established(): Promise<unknown> {
    return this.#established.promise
  }

  /** Resolves with the code that the other side has ended it with. */
  get over(): Promise<number> {
    return this.#over.promise
  }

  send(stream: number, bytes: Uint8Array, isLast = false): void {
    this.quic.streamSend(stream, bytes, isLast)
    this.#go()
  }

  /** What has come on a stream, once there is as much. */
  async answer(stream: number, atLeastBytes = 1): Promise<Buffer> {
    for (;;) {
      const got = this.#got.get(stream)
      if (got !== undefined && got.byteLength >= atLeastBytes) return got
      await once(this.#socket, 'message')
    }
  }

  /** Resolves with what a stream was ended by before its time. */
  async ended(stream: number): Promise<string> {
    for (;;) {
      const why = this.#ended.get(stream)
      if (why !== undefined) return why
      await once(this.#socket, 'message')
    }
  }

  /** Neither writes nor reads a stream any more. */
  shut(stream: number): void {
    this.quic.streamShutdown(stream, quiche.Shutdown.Write, 1)
    this.quic.streamShutdown(stream, quiche.Shutdown.Read, 1)
    this.#go()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#socket.close()
  }

  #go(): void {
    if (this.quic.isEstablished()) this.#established.resolve(undefined)
    for (const id of this.quic.readable()) this.#read(id)
    for (let sent = this.#next(); sent !== null; sent = this.#next()) {
      const [length, { to }] = sent
      this.#socket.send(this.#packet.slice(0, length), to.port, to.host)
    }
    const error = this.quic.peerError()
    if (error !== null) this.#over.resolve(error.errorCode)
    clearTimeout(this.#timer)
    const timeoutMs = this.quic.timeout()
    if (timeoutMs === null) return
    this.#timer = setTimeout(() => {
      this.quic.onTimeout()
      this.#go()
    }, timeoutMs + 1)
  }

  #read(id: number): void {
    const bytes = new Uint8Array(65_536)
    try {
      for (let got = this.quic.streamRecv(id, bytes); got !== null;) {
        const before = this.#got.get(id) ?? Buffer.alloc(0)
        this.#got.set(id, Buffer.concat([before, bytes.subarray(0, got[0])]))
        if (got[1]) return
        got = this.quic.streamRecv(id, bytes)
      }
    } catch (error) {
      this.#ended.set(id, (error as Error).message)
    }
  }

  #next(): ReturnType<Connection['send']> {
    try {
      return this.quic.send(this.#packet)
    } catch {
      return null
    }
  }
}

/** A frame of HTTP/3, or a capsule. */
export function frame(type: number, body: Uint8Array = new Uint8Array()): Buffer {
  return Buffer.concat([encodeVarint(type), encodeVarint(body.byteLength), body])
}

/** Asks for a session. */
export function request(path: string): Buffer {
  const fields: [string, string][] = [
    [':method', 'CONNECT'],
    [':protocol', 'webtransport'],
    [':path', path],
  ]
  return frame(1, encodeHeaders(fields))
}
