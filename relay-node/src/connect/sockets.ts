/** Sessions over WebSockets: the first message says which, and how many frames the client has; the others are frames. */
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import { CONNECT_PATH, decodeHello, SESSION_UNKNOWN_CODE } from '#lib/protocol/connect/connect.ts'
import { decodeFrames, MAX_POST_BYTES } from '#lib/protocol/connect/frames.ts'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import { HEADERS_TIMEOUT_MS, MAX_FRAME_FRAGMENTS } from '../limits.ts'
import type { Refusals } from '../refusals.ts'
import type { UpgradeRoutes } from '../upgrade-routes.ts'
import type { ConnectSession } from './session.ts'
import type { ConnectSessions } from './sessions.ts'
import { SocketCarrier } from './socket-carrier.ts'

export interface ConnectSocketsComponents {
  clock: Clock
  refusals: Refusals
  upgrades: UpgradeRoutes
  sessions: ConnectSessions
}

/** Serves them until the returned function is called. */
export function connectSockets(components: ConnectSocketsComponents): () => Promise<void> {
  const { clock, refusals, upgrades, sessions } = components
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_POST_BYTES,
    maxFragments: MAX_FRAME_FRAGMENTS,
    perMessageDeflate: false,
  })

  const refuse = (socket: WebSocket): void => {
    refusals.count('connect-malformed')
    socket.terminate()
  }

  const greet = (socket: WebSocket, address: string): void => {
    const cancel = clock.after(HEADERS_TIMEOUT_MS, () => {
      socket.terminate()
    })
    socket.once('close', cancel)
    socket.on('error', () => {
      refuse(socket)
    })
    socket.once('message', (data, isBinary) => {
      cancel()
      try {
        const { session: id, next } = decodeHello(isBinary ? null : bytesOf(data).toString())
        const session = sessions.get(id)
        if (session === null) {
          refusals.count('connect-unknown')
          socket.close(SESSION_UNKNOWN_CODE)
          return
        }
        session.heard(address)
        session.acknowledge(next)
        bind({ socket, address }, session, Math.max(next, session.acknowledged))
      } catch {
        refuse(socket)
      }
    })
  }

  const bind = (
    { socket, address }: { socket: WebSocket; address: string },
    session: ConnectSession,
    next: number,
  ): void => {
    const carrier = new SocketCarrier({ clock, session, socket }, next)
    session.attach(carrier)
    socket.on('message', (data, isBinary) => {
      session.heard(address)
      take(carrier, session, isBinary ? data : null).catch(() => {
        refuse(socket)
      })
    })
  }

  const unserve = upgrades.serve(CONNECT_PATH, (request, socket, head, { address }) => {
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      greet(webSocket, address)
    })
  })
  return () => {
    unserve()
    for (const socket of sockets.clients) socket.terminate()
    sockets.close()
    return Promise.resolve()
  }
}

/** @throws InvalidDataError, LimitExceededError */
async function take(
  carrier: SocketCarrier,
  session: ConnectSession,
  data: RawData | null,
): Promise<void> {
  if (data === null) throw new InvalidDataError('a message of text')
  carrier.received(await session.take(decodeFrames(bytesOf(data))))
}

/** `nodebuffer`, the default, makes every message one Buffer. */
function bytesOf(data: RawData): Buffer {
  return data as Buffer
}
