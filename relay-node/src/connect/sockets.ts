/** Sessions over WebSockets: the first message says which, and how many frames the client has; the others are frames. */
import { WebSocketServer, type RawData, type WebSocket } from 'ws'
import {
  CONNECT_PATH,
  decodeHello,
  IDLE_MS,
  SESSION_UNKNOWN_CODE,
} from '#lib/protocol/connect/connect.ts'
import {
  ackOf,
  decodeFrames,
  encodeFrames,
  type Frame,
  IDLE,
  RESET,
  MAX_BATCH_BYTES,
  MAX_POST_BYTES,
} from '#lib/protocol/connect/frames.ts'
import { InvalidDataError } from '#lib/protocol/errors.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import { HEADERS_TIMEOUT_MS, MAX_FRAME_FRAGMENTS } from '../limits.ts'
import type { Refusals } from '../refusals.ts'
import type { UpgradeRoutes } from '../upgrade-routes.ts'
import type { Carrier, ConnectSession } from './session.ts'
import type { ConnectSessions } from './sessions.ts'

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

  const greet = (socket: WebSocket): void => {
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
        session.heard()
        session.acknowledge(next)
        bind(socket, session, Math.max(next, session.acknowledged))
      } catch {
        refuse(socket)
      }
    })
  }

  const bind = (socket: WebSocket, session: ConnectSession, next: number): void => {
    session.attach(new SocketCarrier({ clock, session, socket }, next))
    socket.on('message', (data, isBinary) => {
      session.heard()
      take(socket, session, isBinary ? data : null).catch(() => {
        refuse(socket)
      })
    })
  }

  const unserve = upgrades.serve(CONNECT_PATH, (request, socket, head) => {
    sockets.handleUpgrade(request, socket, head, greet)
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
  socket: WebSocket,
  session: ConnectSession,
  data: RawData | null,
): Promise<void> {
  if (data === null) throw new InvalidDataError('a message of text')
  const received = await session.take(decodeFrames(bytesOf(data)))
  socket.send(encodeFrames([ackOf(received)]))
}

/** `nodebuffer`, the default, makes every message one Buffer. */
function bytesOf(data: RawData): Buffer {
  return data as Buffer
}

/** Frames as messages, as they come, while the socket takes them; an idle one when there was none for long. */
class SocketCarrier implements Carrier {
  readonly #components: { clock: Clock; session: ConnectSession; socket: WebSocket }
  #next: number
  #cancelIdle: (() => void) | null = null

  constructor(
    components: { clock: Clock; session: ConnectSession; socket: WebSocket },
    next: number,
  ) {
    this.#components = components
    this.#next = next
    const { socket, session } = components
    socket.once('close', () => {
      this.#cancelIdle?.()
      session.detach(this)
    })
    this.#send([IDLE])
  }

  wake(): void {
    const { session, socket } = this.#components
    // What is acknowledged was taken: the queue bounds what waits here.
    while (socket.readyState === socket.OPEN) {
      const frames = session.from(this.#next, MAX_BATCH_BYTES)
      if (frames.length === 0) return
      this.#send(frames)
      this.#next = frames.at(-1)!.number + 1
    }
  }

  close(): void {
    this.#components.socket.close()
  }

  end(): void {
    const { socket } = this.#components
    if (socket.readyState === socket.OPEN) socket.send(encodeFrames([RESET]))
    socket.close()
  }

  #send(frames: readonly Frame[]): void {
    const { clock, socket } = this.#components
    socket.send(encodeFrames(frames))
    this.#cancelIdle?.()
    this.#cancelIdle = clock.after(IDLE_MS, () => {
      this.#send([IDLE])
    })
  }
}
