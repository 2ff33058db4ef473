import { connect, type Socket } from 'node:net'

/** Sockets of one address: below what a relay lets one have (docs/LIMITS.md), so that nothing else ends them. */
const SOCKETS_PER_ADDRESS = 125

/** Sockets opened at once: the queue of a listening socket is no longer. */
const OPENED_AT_ONCE = 200

/**
 * Many sockets to a port of this machine, each from one of as many of its addresses (127.0.0.0/8, all of them its own on Linux) as
 * one address may not have alone. Each is opened again when it ends.
 */
export class Strangers implements Disposable {
  readonly #sockets = new Set<Socket>()
  readonly #port: number
  /** Says the first words; called with each new socket. */
  readonly #greet: (socket: Socket) => void
  #ended = 0
  #isOver = false

  private constructor(port: number, greet: (socket: Socket) => void) {
    this.#port = port
    this.#greet = greet
  }

  /** Resolves once all are open. */
  static async open(
    port: number,
    count: number,
    greet: (socket: Socket) => void,
  ): Promise<Strangers> {
    const strangers = new Strangers(port, greet)
    for (let n = 0; n < count; n += OPENED_AT_ONCE) {
      const some = Array.from({ length: Math.min(OPENED_AT_ONCE, count - n) }, (_, at) =>
        strangers.#open(n + at),
      )
      await Promise.all(some)
    }
    return strangers
  }

  /** Those open now. */
  get sockets(): ReadonlySet<Socket> {
    return this.#sockets
  }

  /** How many were ended by the other side so far. */
  get ended(): number {
    return this.#ended
  }

  [Symbol.dispose](): void {
    this.#isOver = true
    for (const socket of this.#sockets) socket.destroy()
  }

  #open(n: number): Promise<void> {
    return new Promise((resolve) => {
      const socket = connect({
        port: this.#port,
        host: '127.0.0.1',
        localAddress: `127.0.1.${1 + Math.floor(n / SOCKETS_PER_ADDRESS)}`,
      })
      socket.once('connect', () => {
        this.#sockets.add(socket)
        this.#greet(socket)
        resolve()
      })
      // Its end is told below.
      socket.on('error', () => undefined)
      socket.once('close', () => {
        if (this.#sockets.delete(socket)) this.#ended += 1
        if (!this.#isOver) void this.#open(n).then(resolve)
      })
    })
  }
}
