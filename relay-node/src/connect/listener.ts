/** libp2p's side of /connect: a transport that listens where the relay's HTTP does, and dials nothing. */
import {
  type ComponentLogger,
  ConnectionFailedError,
  type CreateListenerOptions,
  type Listener,
  type ListenerEvents,
  serviceCapabilities,
  type Transport,
  transportSymbol,
  type Upgrader,
} from '@libp2p/interface'
import { getThinWaistAddresses } from '@libp2p/utils'
import type { Multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import type { Server } from 'node:http'
import { isConnectAddress } from '#lib/protocol/connect/addresses.ts'
import { type InboundComponents, takeInbound } from '../inbound.ts'
import type { ConnectSessions } from './sessions.ts'

export interface ConnectListenerComponents extends InboundComponents {
  /** Listening already; it is not closed with the listener. */
  server: Server
  sessions: ConnectSessions
}

export function connectListener(
  shared: ConnectListenerComponents,
): (components: { logger: ComponentLogger }) => Transport {
  return ({ logger }) => ({
    [transportSymbol]: true,
    [Symbol.toStringTag]: 'starling/connect',
    [serviceCapabilities]: ['@libp2p/transport'],
    dial: () => Promise.reject(new ConnectionFailedError('a relay is dialled, and dials not')),
    dialFilter: () => [],
    listenFilter: (addresses) => addresses.filter(isConnectAddress),
    createListener: ({ upgrader }: CreateListenerOptions) =>
      new ConnectListener({ ...shared, logger }, upgrader),
  })
}

class ConnectListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #components: ConnectListenerComponents & { logger: ComponentLogger }
  readonly #upgrader: Upgrader
  readonly #stopping = new AbortController()
  #address: Multiaddr | null = null
  #unserve: (() => void) | null = null

  constructor(
    components: ConnectListenerComponents & { logger: ComponentLogger },
    upgrader: Upgrader,
  ) {
    super()
    this.#components = components
    this.#upgrader = upgrader
  }

  listen(address: Multiaddr): Promise<void> {
    this.#address = address
    this.#unserve = this.#components.sessions.serve({
      logger: this.#components.logger,
      take: (session) => {
        void takeInbound(this.#components, this.#upgrader, session, this.#stopping.signal)
      },
    })
    this.safeDispatchEvent('listening')
    return Promise.resolve()
  }

  getAddrs(): Multiaddr[] {
    const bound = this.#components.server.address()
    if (this.#address === null || bound === null || typeof bound === 'string') return []
    const text = this.#address.toString()
    const suffix = text.slice(text.search(/\/(?:tls\/)?http\//))
    return getThinWaistAddresses(this.#address, bound.port).map((ip) => ip.encapsulate(suffix))
  }

  /** Nothing of this listener's addresses is found out later. */
  updateAnnounceAddrs(): void {
    return
  }

  close(): Promise<void> {
    this.#stopping.abort()
    this.#unserve?.()
    this.safeDispatchEvent('close')
    return Promise.resolve()
  }
}
