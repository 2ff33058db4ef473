import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Refusals } from './refusals.ts'
import type { Remote, RemoteOf } from './remote.ts'

export type UpgradeHandler = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  remote: Remote,
) => void

/** Who serves which path of the HTTP server's upgrade requests. One path, one handler; other paths get 404. */
export class UpgradeRoutes {
  readonly #handlers = new Map<string, UpgradeHandler>()

  constructor(components: { server: Server; refusals: Refusals; remoteOf: RemoteOf }) {
    components.server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      // Without a listener the next broken packet would end the process.
      socket.on('error', () => socket.destroy())
      const path = request.url?.split('?')[0] ?? ''
      const handler = this.#handlers.get(path)
      if (handler === undefined) {
        components.refusals.count('path')
        socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
        return
      }
      handler(request, socket, head, components.remoteOf(request))
    })
  }

  /** Serves `path` until the returned function is called. */
  serve(path: string, handler: UpgradeHandler): () => void {
    this.#handlers.set(path, handler)
    return () => {
      this.#handlers.delete(path)
    }
  }
}
