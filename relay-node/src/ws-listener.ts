/**
 * libp2p's WebSocket on the relay's own HTTP server, so that page, API and libp2p share one origin and port.
 *
 * An upgrade comes from `UpgradeRoutes`, takes a place (`Admission`), becomes a WebSocket without compression, and is
 * handed to libp2p, which proves the peer's id within `handshakeTimeoutMs`. Dialling is @libp2p/websockets' own.
 */
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type {
  ComponentLogger,
  CreateListenerOptions,
  Listener,
  ListenerEvents,
  Transport,
  Upgrader,
} from '@libp2p/interface'
import { getThinWaistAddresses, ipPortToMultiaddr } from '@libp2p/utils'
import type { WebSocketsComponents } from '@libp2p/websockets'
import type { Multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import { WebSocketServer } from 'ws'
import type { Clock } from '#lib/protocol/seams.ts'
import { closingWebSockets } from '#lib/protocol/web-sockets.ts'
import type { Admission } from './admission.ts'
import { takeInbound } from './inbound.ts'
import { type CostlyLimits, MAX_FRAME_BYTES, MAX_FRAME_FRAGMENTS } from './limits.ts'
import type { Refusals } from './refusals.ts'
import type { Remote } from './remote.ts'
import type { UpgradeRoutes } from './upgrade-routes.ts'
import { WebSocketConnection } from './ws-connection.ts'

export interface SharedWebSocketsComponents {
  clock: Clock
  refusals: Refusals
  admission: Admission
  /** Listening already; it is not closed with the listener. */
  server: Server
  upgrades: UpgradeRoutes
  costly: CostlyLimits
}

/** @libp2p/websockets whose listener lives on `server`. */
export function sharedWebSockets(
  shared: SharedWebSocketsComponents,
): (components: WebSocketsComponents) => Transport {
  return (components) => {
    const transport = closingWebSockets()(components)
    transport.createListener = (options: CreateListenerOptions): Listener =>
      new SharedWebSocketListener({ ...shared, logger: components.logger }, options)
    return transport
  }
}

class SharedWebSocketListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #components: SharedWebSocketsComponents & { logger: ComponentLogger }
  readonly #upgrader: Upgrader
  readonly #stopping = new AbortController()
  readonly #sockets = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_FRAME_BYTES,
    maxFragments: MAX_FRAME_FRAGMENTS,
    // Inflating is how a small frame becomes a large one.
    perMessageDeflate: false,
  })
  #address: Multiaddr | null = null
  #unserve: (() => void) | null = null

  constructor(
    components: SharedWebSocketsComponents & { logger: ComponentLogger },
    { upgrader }: CreateListenerOptions,
  ) {
    super()
    this.#components = components
    this.#upgrader = upgrader
  }

  listen(address: Multiaddr): Promise<void> {
    this.#address = address
    this.#unserve = this.#components.upgrades.serve('/', (request, socket, head, remote) => {
      this.#accept(request, socket, head, remote)
    })
    this.safeDispatchEvent('listening')
    return Promise.resolve()
  }

  getAddrs(): Multiaddr[] {
    const bound = this.#components.server.address()
    if (this.#address === null || bound === null || typeof bound === 'string') return []
    const suffix = this.#address.toString().includes('/tls') ? '/tls/ws' : '/ws'
    return getThinWaistAddresses(this.#address, bound.port).map((ip) => ip.encapsulate(suffix))
  }

  /** Nothing of this listener's addresses is found out later. */
  updateAnnounceAddrs(): void {
    return
  }

  close(): Promise<void> {
    this.#unserve?.()
    this.#stopping.abort()
    for (const socket of this.#sockets.clients) socket.terminate()
    this.#sockets.close()
    this.safeDispatchEvent('close')
    return Promise.resolve()
  }

  #accept(request: IncomingMessage, socket: Duplex, head: Buffer, remote: Remote): void {
    const { admission, costly, logger } = this.#components
    const leave = admission.enter(remote.address)
    if (leave === null) {
      socket.destroy()
      return
    }
    socket.once('close', leave)
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const connection = new WebSocketConnection(this.#components, {
        socket: webSocket,
        remoteAddr: ipPortToMultiaddr(remote.address, remote.port).encapsulate('/ws'),
        log: logger.forComponent('starling:websocket'),
        slowReaderTimeoutMs: costly.slowReaderTimeoutMs,
      })
      void takeInbound(this.#components, this.#upgrader, connection, this.#stopping.signal).then(
        (open) => {
          if (open) connection.authenticated()
        },
      )
    })
  }
}
