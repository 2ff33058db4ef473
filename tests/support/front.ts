import { once } from 'node:events'
import {
  createServer,
  request,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { buildId } from '../../scripts/build-id.ts'

const REWRITTEN = /^(?:text\/html|text\/javascript|application\/javascript|text\/css)/

/** Where a relay gives what lies in a mailbox. */
const FETCHED = '/api/mailbox/fetch'

/**
 * A proxy before a relay that can deploy: from then on the page it serves is of another build, under other
 * addresses, as a real release would be. It can also lie. The relay behind it stays the same.
 */
export class Front implements AsyncDisposable {
  readonly port: number
  readonly origin: string
  readonly #server: Server
  readonly #relay: { port: number }
  readonly #sockets = new Set<Duplex>()
  #deployed = false
  #lying = false

  private constructor(server: Server, relay: { port: number }, port: number) {
    this.#server = server
    this.#relay = relay
    this.port = port
    this.origin = `http://localhost:${port}`
    server.on('request', (asked: IncomingMessage, answer: ServerResponse) => {
      this.#forward(asked, answer)
    })
    server.on('upgrade', (asked: IncomingMessage, socket: Socket, head: Buffer) => {
      this.#tunnel(asked, socket, head)
    })
  }

  /** @param relay which need not run yet */
  static async before(relay: { port: number }): Promise<Front> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port is free')
    return new Front(server, relay, address.port)
  }

  deploy(): void {
    this.#deployed = true
  }

  /** From now on what is fetched from mailboxes is not what was put there. */
  lie(): void {
    this.#lying = true
  }

  /** Cuts every open WebSocket, as a network that fails would. */
  drop(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.drop()
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #forward(asked: IncomingMessage, answer: ServerResponse): void {
    const path = (asked.url ?? '/').replace('/next/', '/assets/')
    const headers = { ...asked.headers, 'accept-encoding': 'identity' }
    // What the relay says is unchanged would be what another build has left in the browser's cache.
    if (this.#deployed) delete headers['if-none-match']
    if (this.#deployed) delete headers['if-modified-since']
    const upstream = request(
      { port: this.#relay.port, host: '127.0.0.1', method: asked.method, path, headers },
      (response) => {
        void this.#answer(path, response, answer)
      },
    )
    upstream.once('error', () => answer.destroy())
    asked.pipe(upstream)
  }

  async #answer(path: string, response: IncomingMessage, answer: ServerResponse): Promise<void> {
    const status = response.statusCode ?? 502
    if (this.#lying && path === FETCHED) {
      const body = await buffer(response)
      // The last byte is one of the last item; the browser's question before has no body.
      const last = body.at(-1)
      if (last !== undefined) body.writeUInt8(last ^ 1, body.length - 1)
      answer.writeHead(status, response.headers)
      answer.end(body)
      return
    }
    if (!this.#deployed || !REWRITTEN.test(response.headers['content-type'] ?? '')) {
      answer.writeHead(status, response.headers)
      response.pipe(answer)
      return
    }
    const present = buildId()
    const body = (await text(response))
      .replaceAll('assets/', 'next/')
      .replaceAll('"revision":"', '"revision":"next-')
      .replaceAll(present, present.split('').reverse().join(''))
    const headers = { ...response.headers }
    delete headers['content-length']
    delete headers.etag
    answer.writeHead(status, headers)
    answer.end(body)
  }

  #tunnel(asked: IncomingMessage, socket: Socket, head: Buffer): void {
    const upstream = connect(this.#relay.port, '127.0.0.1', () => {
      const lines = [`${asked.method ?? 'GET'} ${asked.url ?? '/'} HTTP/1.1`]
      for (let at = 0; at < asked.rawHeaders.length; at += 2) {
        lines.push(`${asked.rawHeaders[at]!}: ${asked.rawHeaders[at + 1]!}`)
      }
      upstream.write(`${lines.join('\r\n')}\r\n\r\n`)
      upstream.write(head)
      socket.pipe(upstream).pipe(socket)
    })
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      this.#sockets.add(one)
      one.once('error', () => other.destroy())
      one.once('close', () => {
        this.#sockets.delete(one)
        other.destroy()
      })
    }
  }
}
