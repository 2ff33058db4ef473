import { once } from 'node:events'
import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import { sourceOf } from './admission.ts'
import { DEFAULT_PORT } from './config.ts'
import { PortTakenError } from './errors.ts'
import { HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS } from './limits.ts'
import type { Refusals } from './refusals.ts'

/** Ports tried from `DEFAULT_PORT` on. */
const PORTS_TRIED = 100

export interface HttpServerInit {
  /** PEM; `null`: plain HTTP. */
  tls: { key: string; cert: string } | null
  /** Sockets of any kind. */
  maxSockets: number
  /** The same of one IPv4 address or IPv6 /64. */
  maxSocketsPerAddress: number
  /** Whose sockets are those of many people: they count only in all. */
  isProxy: (address: string) => boolean
}

/** Node's own server with the limits that must hold before a request is one. */
export function httpServer(components: { refusals: Refusals }, init: HttpServerInit): Server {
  const options = {
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    // How often the two above are looked at.
    connectionsCheckingInterval: 1_000,
    noDelay: true,
  }
  const server =
    init.tls === null
      ? createHttpServer(options)
      : createHttpsServer({ ...options, ...init.tls, handshakeTimeout: REQUEST_TIMEOUT_MS })
  server.maxConnections = init.maxSockets
  server.on('drop', () => {
    components.refusals.count('connections-total')
  })
  server.on('connection', socketsByAddress(components, init))
  server.on('clientError', (_error, socket) => {
    socket.destroy()
  })
  return server
}

/** Ends a socket whose address has as many as it may; before anything is read, so that it costs a file handle at most. */
function socketsByAddress(
  { refusals }: { refusals: Refusals },
  { maxSocketsPerAddress, isProxy }: HttpServerInit,
): (socket: Socket) => void {
  const open = new Map<string, number>()
  return (socket) => {
    const { remoteAddress } = socket
    if (remoteAddress === undefined || isProxy(remoteAddress)) return
    const source = sourceOf(remoteAddress)
    const before = open.get(source) ?? 0
    if (before >= maxSocketsPerAddress) {
      refusals.count('connections-per-address')
      socket.destroy()
      return
    }
    open.set(source, before + 1)
    socket.once('close', () => {
      const left = open.get(source)! - 1
      if (left === 0) open.delete(source)
      else open.set(source, left)
    })
  }
}

/**
 * Listens on `port`, or when it is `null` on the first free one from `DEFAULT_PORT` on. Resolves with the port.
 * @throws PortTakenError
 */
export async function listen(server: Server, port: number | null, host: string): Promise<number> {
  const first = port ?? DEFAULT_PORT
  const last = port ?? DEFAULT_PORT + PORTS_TRIED
  for (let candidate = first; candidate <= last; candidate += 1) {
    if (await tryListen(server, candidate, host)) {
      const bound = server.address()
      if (bound !== null && typeof bound !== 'string') return bound.port
    }
  }
  throw new PortTakenError(
    port === null
      ? `no free port from ${first} to ${last}: choose one with --port`
      : `port ${port} on ${host} is taken: stop what uses it, or choose another with --port (PORT)`,
  )
}

async function tryListen(server: Server, port: number, host: string): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>()
  const onError = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EADDRINUSE') resolve(false)
    else reject(error)
  }
  server.once('error', onError)
  server.listen(port, host, () => {
    resolve(true)
  })
  try {
    return await promise
  } finally {
    server.off('error', onError)
  }
}

/** Stops listening and ends every socket; resolves when none is left. */
export async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}
