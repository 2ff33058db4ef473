import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** A long line to a relay: whatever goes over it arrives so much later, either way. */
export class SlowLine {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(relay: { origin: string }, delayMs: number) {
    const { hostname, port } = new URL(relay.origin)
    this.#server = createServer((near) => {
      const far = connect({ host: hostname, port: Number(port) })
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from)
        // Timers of one length end in the order in which they began.
        from.on('data', (bytes) => setTimeout(() => to.write(bytes), delayMs))
        from.on('error', () => to.destroy())
        from.on('close', () => {
          this.#sockets.delete(from)
          to.destroy()
        })
      }
    })
  }

  /** @param delayMs each way */
  static async to(relay: { origin: string }, delayMs: number): Promise<SlowLine> {
    const line = new SlowLine(relay, delayMs)
    line.#server.listen(0, '127.0.0.1')
    await once(line.#server, 'listening')
    return line
  }

  get host(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new TypeError('not listening')
    return `127.0.0.1:${address.port}`
  }

  get origin(): string {
    return `http://${this.host}`
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}
