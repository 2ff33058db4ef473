import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { seededRandom } from '../fixtures/seeded-random.ts'

export interface MiddleboxInit {
  /** Answers are held until they are complete. */
  buffers?: boolean
  /** One of so many requests, and of so many answers, is cut somewhere; none by default. */
  cutsOneOf?: number
  seed?: number
}

/** A box in the middle that lets no WebSocket through, and does to requests what such boxes do. */
export class Middlebox implements AsyncDisposable {
  readonly port: number
  readonly origin: string
  readonly #relay: { port: number }
  readonly #init: Required<MiddleboxInit>
  readonly #server: Server
  readonly #random: ReturnType<typeof seededRandom>
  readonly #asked: string[] = []
  #cuts = 0
  #refused = 0
  #healed = false

  private constructor(server: Server, relay: { port: number }, init: Required<MiddleboxInit>) {
    this.#server = server
    this.#relay = relay
    this.#init = init
    this.#random = seededRandom(init.seed)
    this.port = (server.address() as AddressInfo).port
    this.origin = `http://localhost:${this.port}`
    server.on('request', (near: IncomingMessage, answer: ServerResponse) => {
      this.#pass(near, answer)
    })
    server.on('upgrade', (_request, socket) => {
      this.#refused += 1
      socket.destroy()
    })
  }

  /** @param relay which need not run yet */
  static async before(
    relay: { port: number },
    { buffers = false, cutsOneOf = Infinity, seed = 1 }: MiddleboxInit = {},
  ): Promise<Middlebox> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Middlebox(server, relay, { buffers, cutsOneOf, seed })
  }

  /** Requests and answers cut so far. */
  get cuts(): number {
    return this.#cuts
  }

  /** WebSockets refused so far. */
  get refused(): number {
    return this.#refused
  }

  /** Paths asked for so far, with their queries. */
  get asked(): readonly string[] {
    return this.#asked
  }

  /** Modes of `/connect` asked for, from this request on. */
  modes(from = 0): string[] {
    const modes = this.#asked.slice(from).flatMap((path) => /mode=(\w+)/.exec(path)?.[1] ?? [])
    return [...new Set(modes)]
  }

  /** From now on it cuts nothing. */
  heal(): void {
    this.#healed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }

  /** After how many bytes to cut; `Infinity`: not at all. */
  #cutAfter(): number {
    if (this.#healed || this.#random.fraction() * this.#init.cutsOneOf >= 1) return Infinity
    return Math.floor(this.#random.fraction() ** 2 * 100_000)
  }

  #pass(near: IncomingMessage, answer: ServerResponse): void {
    const { buffers } = this.#init
    const cut = (): void => {
      this.#cuts += 1
      near.socket.destroy()
      far.destroy()
    }
    const { method, url, headers } = near
    this.#asked.push(url ?? '')
    const far = request(
      { port: this.#relay.port, host: '127.0.0.1', method, path: url, headers },
      (from) => {
        let left = this.#cutAfter()
        if (!buffers) {
          answer.writeHead(from.statusCode!, from.headers)
          answer.flushHeaders()
        }
        const chunks: Buffer[] = []
        from.on('data', (chunk: Buffer) => {
          left -= chunk.byteLength
          if (buffers) chunks.push(chunk)
          else answer.write(left < 0 ? chunk.subarray(0, chunk.byteLength + left) : chunk)
          if (left < 0) cut()
        })
        from.on('error', () => near.socket.destroy())
        from.on('end', () => {
          if (buffers) answer.writeHead(from.statusCode!, from.headers)
          answer.end(Buffer.concat(chunks))
        })
      },
    )
    far.on('error', () => near.socket.destroy())
    let left = this.#cutAfter()
    near.on('data', (chunk: Buffer) => {
      left -= chunk.byteLength
      far.write(chunk)
      if (left < 0) cut()
    })
    near.on('end', () => far.end())
    near.on('error', () => far.destroy())
    answer.on('close', () => far.destroy())
  }
}
