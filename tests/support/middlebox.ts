import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { seededRandom } from '../fixtures/seeded-random.ts'

export interface MiddleboxInit {
  /** WebSockets go through; by default none does. */
  webSockets?: boolean
  /** Answers are held until they are complete; of `bodies` their heads go on at once. */
  buffers?: boolean | 'bodies'
  /**
   * Bytes of no known kind whose length is not said before are refused, as by what looks into downloads and must have one whole; text
   * goes through as it comes.
   */
  refusesEndlessBytes?: boolean
  /** An answer that is not complete after so long is cut, in ms: common boxes wait for 30 s. Never by default. */
  cutsAnswersAfterMs?: number
  /** A connection on which nothing goes either way for so long is ended, in ms: impatient boxes do at 20 s. Never by default. */
  killsIdleAfterMs?: number
  /** One of so many requests, and of so many answers, is cut somewhere; none by default. */
  cutsOneOf?: number
  /** Where its clients are, as it says in `X-Forwarded-For`; it says nothing by default. */
  clientsAt?: string | null
  seed?: number
}

const MILD: Required<MiddleboxInit> = {
  webSockets: false,
  buffers: false,
  refusesEndlessBytes: false,
  cutsAnswersAfterMs: 0,
  killsIdleAfterMs: 0,
  cutsOneOf: Infinity,
  clientsAt: null,
  seed: 1,
}

/** A box in the middle that knows HTTP/1.1 on one port and nothing else, and does to it what such boxes do. */
export class Middlebox implements AsyncDisposable {
  readonly port: number
  readonly origin: string
  readonly #relay: { port: number }
  #init: Required<MiddleboxInit>
  readonly #server: Server
  readonly #random: ReturnType<typeof seededRandom>
  readonly #asked: string[] = []
  readonly #tunnels = new Set<Socket>()
  #cuts = 0
  #refused = 0
  #killed = 0
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
    server.on('upgrade', (near: IncomingMessage, socket: Socket, head: Buffer) => {
      if (this.#init.webSockets) this.#tunnel(near, socket, head)
      else {
        this.#refused += 1
        socket.destroy()
      }
    })
    server.setTimeout(init.killsIdleAfterMs, (socket) => {
      this.#kill(socket)
    })
  }

  /** @param relay which need not run yet */
  static async before(relay: { port: number }, init: MiddleboxInit = {}): Promise<Middlebox> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Middlebox(server, relay, { ...MILD, ...init })
  }

  /** Requests and answers cut so far. */
  get cuts(): number {
    return this.#cuts
  }

  /** Idle connections ended so far. */
  get killed(): number {
    return this.#killed
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

  /** From now on it does this, and everything that is open ends. */
  become(init: MiddleboxInit): void {
    this.change(init)
    this.drop()
  }

  /** From now on it does this to whatever comes. */
  change(init: MiddleboxInit): void {
    this.#init = { ...MILD, ...init }
    this.#server.setTimeout(this.#init.killsIdleAfterMs)
  }

  /** Ends everything that is open. */
  drop(): void {
    this.#server.closeAllConnections()
    for (const socket of this.#tunnels) socket.destroy()
  }

  /** From now on it cuts nothing. */
  heal(): void {
    this.#healed = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    this.drop()
    await once(this.#server, 'close')
  }

  #kill(socket: Socket): void {
    // What is healed leaves it open, and counts anew.
    if (this.#healed) return
    this.#killed += 1
    socket.destroy()
  }

  /** A WebSocket, which is bytes from here on. */
  #tunnel(near: IncomingMessage, socket: Socket, head: Buffer): void {
    const far = connect(this.#relay.port, '127.0.0.1', () => {
      const lines = [`GET ${near.url ?? '/'} HTTP/1.1`]
      for (let at = 0; at < near.rawHeaders.length; at += 2) {
        lines.push(`${near.rawHeaders[at]!}: ${near.rawHeaders[at + 1]!}`)
      }
      for (const [name, value] of Object.entries(this.#said())) lines.push(`${name}: ${value}`)
      far.write(`${lines.join('\r\n')}\r\n\r\n`)
      far.write(head)
      socket.pipe(far).pipe(socket)
    })
    for (const [one, other] of [
      [socket, far],
      [far, socket],
    ] as const) {
      this.#tunnels.add(one)
      one.once('error', () => other.destroy())
      one.once('close', () => {
        this.#tunnels.delete(one)
        other.destroy()
      })
    }
    socket.setTimeout(this.#init.killsIdleAfterMs, () => {
      this.#kill(socket)
    })
  }

  /** Headers of its own. */
  #said(): Record<string, string> {
    const { clientsAt } = this.#init
    return clientsAt === null ? {} : { 'x-forwarded-for': clientsAt }
  }

  /** After how many bytes to cut; `Infinity`: not at all. */
  #cutAfter(): number {
    if (this.#healed || this.#random.fraction() * this.#init.cutsOneOf >= 1) return Infinity
    return Math.floor(this.#random.fraction() ** 2 * 100_000)
  }

  #pass(near: IncomingMessage, answer: ServerResponse): void {
    const { buffers, refusesEndlessBytes, cutsAnswersAfterMs } = this.#init
    const cut = (): void => {
      this.#cuts += 1
      near.socket.destroy()
      far.destroy()
    }
    if (cutsAnswersAfterMs > 0) {
      const late = setTimeout(() => {
        if (!this.#healed) cut()
      }, cutsAnswersAfterMs)
      answer.once('close', () => {
        clearTimeout(late)
      })
    }
    const { method, url, headers } = near
    this.#asked.push(url ?? '')
    const far = request(
      {
        port: this.#relay.port,
        host: '127.0.0.1',
        method,
        path: url,
        headers: { ...headers, ...this.#said() },
      },
      (from) => {
        if (refusesEndlessBytes && isEndlessBytes(from)) {
          far.destroy()
          answer.writeHead(403).end()
          return
        }
        let left = this.#cutAfter()
        if (buffers !== true) {
          answer.writeHead(from.statusCode!, from.headers)
          answer.flushHeaders()
        }
        const chunks: Buffer[] = []
        from.on('data', (chunk: Buffer) => {
          left -= chunk.byteLength
          if (buffers !== false) chunks.push(chunk)
          else answer.write(left < 0 ? chunk.subarray(0, chunk.byteLength + left) : chunk)
          if (left < 0) cut()
        })
        from.on('error', () => near.socket.destroy())
        from.on('end', () => {
          if (buffers === true) answer.writeHead(from.statusCode!, from.headers)
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

function isEndlessBytes({ headers }: IncomingMessage): boolean {
  return (
    headers['content-type'] === 'application/octet-stream' &&
    headers['content-length'] === undefined
  )
}
