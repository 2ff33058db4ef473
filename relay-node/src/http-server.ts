import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer as createHttpServer, type Server } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, isIPv6, type Socket } from 'node:net'
import { sourceOf } from './admission.ts'
import { DEFAULT_PORT } from './config.ts'
import { ListenError, PortTakenError } from './errors.ts'
import { HEADERS_TIMEOUT_MS, REQUEST_TIMEOUT_MS, UNREAD_TIMEOUT_MS } from './limits.ts'
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
  // A socket that became a WebSocket is none of its own any more.
  server.setTimeout(UNREAD_TIMEOUT_MS)
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

export interface ListenInit {
  /** `null`: the first free one from `DEFAULT_PORT` on; 0: any. */
  port: number | null
  host: string
  /** Whether the port must be free in UDP too: the native library of WebRTC tells of one that is not in a log line only. */
  webrtc: boolean
}

/** Listens; resolves with the port. @throws PortTakenError, ListenError */
export async function listen(server: Server, { port, host, webrtc }: ListenInit): Promise<number> {
  for (const candidate of candidates(port)) {
    if (!(await tryListen(server, candidate, host))) continue
    const bound = server.address() as AddressInfo
    if (!webrtc || (await isUdpFree(bound.port, host))) return bound.port
    await close(server)
  }
  throw new PortTakenError(
    port === null
      ? `no free port from ${DEFAULT_PORT} to ${DEFAULT_PORT + PORTS_TRIED - 1}: choose one with --port`
      : `port ${port} on ${host} is taken: stop what uses it, or choose another with --port (PORT)`,
  )
}

function candidates(port: number | null): number[] {
  if (port === null) return Array.from({ length: PORTS_TRIED }, (_, n) => DEFAULT_PORT + n)
  // Any: the system chooses for TCP, and another next time.
  return port === 0 ? Array<number>(PORTS_TRIED).fill(0) : [port]
}

/** Whether the server listens now; `false` when somebody else does. @throws ListenError */
async function tryListen(server: Server, port: number, host: string): Promise<boolean> {
  try {
    const listening = once(server, 'listening')
    server.listen(port, host)
    await listening
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') return false
    const reason = LISTEN_REASONS[code ?? ''] ?? String(error)
    throw new ListenError(`cannot listen on port ${port} of ${host}: ${reason}`, { cause: error })
  }
}

const LISTEN_REASONS: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'this machine has no such address (--host, HOST)',
  EACCES: 'the system allows it to others only; take a port from 1024 on (--port, PORT)',
}

async function isUdpFree(port: number, host: string): Promise<boolean> {
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  try {
    const bound = once(socket, 'listening')
    socket.bind(port, host)
    await bound
    return true
  } catch {
    return false
  } finally {
    socket.close()
  }
}

/** Stops listening and ends every socket; resolves when none is left. */
export async function close(server: Server): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}
