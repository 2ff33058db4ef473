import { once } from 'node:events'
import { createServer, connect, type Server, type Socket } from 'node:net'

/** A line to a server that can go dead without anybody being told, as a network does that a phone left. */
export class FrozenLine {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(target: { host: string; port: number }) {
    this.#server = createServer((near) => {
      const far = connect(target)
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(from)
        from.on('data', (bytes) => {
          to.write(bytes)
        })
        from.on('error', () => to.destroy())
        from.on('close', () => {
          this.#sockets.delete(from)
          to.destroy()
        })
      }
    })
  }

  static async to(host: string, port: number): Promise<FrozenLine> {
    const line = new FrozenLine({ host, port })
    line.#server.listen(0, '127.0.0.1')
    await once(line.#server, 'listening')
    return line
  }

  get host(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new TypeError('not listening')
    return `127.0.0.1:${address.port}`
  }

  /** What is open says nothing any more; what is opened from now on does. */
  freezeOpen(): void {
    for (const socket of this.#sockets) {
      socket.removeAllListeners('data')
      socket.removeAllListeners('close')
      socket.pause()
    }
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}
