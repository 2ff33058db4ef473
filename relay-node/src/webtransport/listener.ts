/**
 * libp2p's side of WebTransport: a transport that listens for the stock dialer of browsers, and dials nothing. QUIC and
 * HTTP/3 are another process's (child.ts); who is there is found out here, with Noise, which also vouches for the hashes of
 * the certificates (https://github.com/libp2p/specs/tree/master/webtransport).
 */
import { noise } from '@chainsafe/libp2p-noise'
import {
  type ComponentLogger,
  ConnectionFailedError,
  type CreateListenerOptions,
  type Listener,
  type ListenerEvents,
  type PeerId,
  type PrivateKey,
  serviceCapabilities,
  type Transport,
  transportSymbol,
  type Upgrader,
} from '@libp2p/interface'
import { getNetConfig, getThinWaistAddresses } from '@libp2p/utils'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import { isIPv6 } from 'node:net'
import type { Logger } from '#lib/protocol/seams.ts'
import { WEBTRANSPORT_SUFFIX } from '../addresses.ts'
import type { Admission } from '../admission.ts'
import { type InboundComponents, takeInbound } from '../inbound.ts'
import { within } from '../within.ts'
import type { Certificates } from './certificates.ts'
import { QuicProcess } from './quic-process.ts'
import type { NewSession } from './quic-run.ts'
import { SessionConnection } from './session-connection.ts'

export interface WebTransportListenerComponents extends InboundComponents {
  log: Logger
  admission: Admission
  /** Started. */
  certificates: Certificates
}

/** What libp2p gives its transports, as far as it is needed. */
interface Libp2pComponents {
  logger: ComponentLogger
  peerId: PeerId
  privateKey: PrivateKey
  upgrader: Upgrader
}

type Components = WebTransportListenerComponents & Libp2pComponents

export function webTransportListener(
  shared: WebTransportListenerComponents,
): (components: Libp2pComponents) => Transport {
  return ({ logger, peerId, privateKey, upgrader }) => ({
    [transportSymbol]: true,
    [Symbol.toStringTag]: 'starling/webtransport',
    [serviceCapabilities]: ['@libp2p/transport'],
    dial: () => Promise.reject(new ConnectionFailedError('a relay is dialled, and dials not')),
    dialFilter: () => [],
    listenFilter: (addresses) => addresses.filter(isWebTransport),
    createListener: (options: CreateListenerOptions) =>
      new WebTransportListener(
        { ...shared, logger, peerId, privateKey, upgrader },
        options.upgrader,
      ),
  })
}

function isWebTransport(address: Multiaddr): boolean {
  return address.toString().includes(WEBTRANSPORT_SUFFIX)
}

class WebTransportListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  readonly #components: Components
  readonly #upgrader: Upgrader
  readonly #stopping = new AbortController()
  #address: Multiaddr | null = null
  /** Known once the process listens. */
  #port: number | null = null
  #process: QuicProcess | null = null
  #unsubscribe: (() => void) | null = null
  /** Sessions of which it is being found out who is there. */
  #pending = 0

  constructor(components: Components, upgrader: Upgrader) {
    super()
    this.#components = components
    this.#upgrader = upgrader
  }

  /** Resolves before the process listens: nothing waits for it. */
  listen(address: Multiaddr): Promise<void> {
    const { host, port = 0 } = getNetConfig(address)
    this.#address = address
    this.#process = new QuicProcess(
      this.#components,
      { host, port },
      {
        take: (session) => this.#take(session),
        onListening: (bound) => {
          this.#port = bound
          this.safeDispatchEvent('listening')
        },
      },
    )
    // Whoever is connected is told of the new hashes.
    this.#unsubscribe = this.#components.certificates.onChange(() => {
      this.safeDispatchEvent('listening')
    })
    this.#process.start()
    return Promise.resolve()
  }

  getAddrs(): Multiaddr[] {
    if (this.#address === null || this.#port === null) return []
    const suffix = `${WEBTRANSPORT_SUFFIX}${this.#components.certificates.suffix()}`
    return getThinWaistAddresses(this.#address, this.#port).map((ip) => ip.encapsulate(suffix))
  }

  /** The hashes of today. */
  updateAnnounceAddrs(addresses: Multiaddr[]): void {
    for (const [at, address] of addresses.entries()) {
      const text = address.toString()
      if (!isWebTransport(address) || text.includes('/certhash/')) continue
      addresses[at] = multiaddr(`${text}${this.#components.certificates.suffix()}`)
    }
  }

  async close(): Promise<void> {
    this.#stopping.abort()
    this.#unsubscribe?.()
    await this.#process?.stop()
    this.safeDispatchEvent('close')
  }

  #take({ address, port, ...session }: NewSession): SessionConnection | null {
    const { admission, costly, logger, refusals } = this.#components
    if (this.#pending >= costly.pendingConnections) {
      refusals.count('connections-pending')
      return null
    }
    const leave = admission.enter(address)
    if (leave === null) return null
    const connection = new SessionConnection(this.#components, {
      ...session,
      remoteAddr: multiaddr(
        `/ip${isIPv6(address) ? 6 : 4}/${address}/udp/${port}${WEBTRANSPORT_SUFFIX}`,
      ),
      log: logger.forComponent('starling:webtransport'),
      slowReaderTimeoutMs: costly.slowReaderTimeoutMs,
    })
    connection.addEventListener('close', leave, { once: true })
    void takeInbound(
      this.#components,
      this.#upgrader,
      connection,
      this.#stopping.signal,
      async () => {
        this.#pending += 1
        try {
          return await this.#secure(connection)
        } finally {
          this.#pending -= 1
        }
      },
    )
    return connection
  }

  /** The first stream is for finding out who is there, and nothing else. */
  async #secure(connection: SessionConnection) {
    const { clock, costly, certificates } = this.#components
    const encrypter = noise({ extensions: { webtransportCerthashes: certificates.hashes() } })(
      this.#components,
    )
    const remotePeer = await within(
      clock,
      costly.handshakeTimeoutMs,
      this.#stopping.signal,
      async (signal) => {
        const stream = await connection.firstStream(signal)
        const secured = await encrypter.secureInbound(stream, {
          signal,
          skipStreamMuxerNegotiation: true,
        })
        void stream.close({ signal }).catch(() => undefined)
        return secured.remotePeer
      },
    )
    return {
      remotePeer,
      muxerFactory: connection.muxer(),
      skipEncryption: true,
      skipProtection: true,
    } as const
  }
}
