import { noise } from '@chainsafe/libp2p-noise'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import type { Identify } from '@libp2p/identify'
import {
  type Connection,
  type ConnectionGater,
  FaultTolerance,
  type Libp2p,
  type PeerId,
  type PrivateKey,
  type Transport,
} from '@libp2p/interface'
import type { ConnectionManager, TransportManager } from '@libp2p/interface-internal'
import { ping, type Ping } from '@libp2p/ping'
import { webTransport } from '@libp2p/webtransport'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import type { Loggers } from '../protocol/seams.ts'
import { forgetStillborn } from '../protocol/stillborn.ts'
import { closingWebSockets } from '../protocol/web-sockets.ts'
import { connectTransport } from './connect/transport.ts'
import { libp2pLogger } from './libp2p-logger.ts'
import { muxer } from './muxer.ts'
import { LazyDht, type LazyDhtInit } from './discovery/lazy-dht.ts'
import { rendezvousTransport, type RendezvousTransportInit } from './rendezvous/transport.ts'
import { guardedWebRTC } from './rtc/guarded-web-rtc.ts'
import type { IceConfiguration } from './rtc/ice-servers.ts'
import type { Traffic } from './traffic.ts'

/** One address gets this long: on a slow mobile link ICE alone took over 3 s, and libp2p's own limit is 6 s. */
export const ADDRESS_DIAL_TIMEOUT_MS = 15_000

/** One dial over all addresses of a peer. */
export const DIAL_TIMEOUT_MS = 30_000

/** How often libp2p pings each connection and ends those that do not answer; its own 10 s wears batteries. */
export const MONITOR_INTERVAL_MS = 60_000

/** A connection that answers slower than this to the monitor is dead. */
export const MONITOR_TIMEOUT_MS = 15_000

/** Connections in all; the keeper stays far below. */
export const MAX_CONNECTIONS = 300

/** Inbound connections through one relay a second. libp2p counts them by the relay's address. */
const INBOUND_PER_SECOND = 50

/** Pings on one connection: libp2p's default of one out makes a second look like a dead connection. */
const MAX_PINGS = 8

export type TransportFactory = NonNullable<Libp2pOptions['transports']>[number]

/** What circuit-relay's transport keeps, beyond the public `Transport`. */
export interface ReservationStore {
  addRelay(relay: PeerId, type: 'configured'): Promise<unknown>
  hasReservation(relay: PeerId): boolean
  addEventListener(type: 'relay:removed', listener: () => void): void
}

export interface NodeComponents {
  privateKey: PrivateKey
  loggers: Loggers
  gater: ConnectionGater
  traffic: Traffic
  dht: Omit<LazyDhtInit, 'components'>
}

/** libp2p and the two parts of it that it hides. */
export interface Node {
  libp2p: Libp2p<{ identify: Identify; ping: Ping }>
  transports: TransportManager
  reservations: ReservationStore
  dht: LazyDht
  /** Of the connections to its peer libp2p uses this one from now on, for circuits and whatever else names no connection. */
  useFirst(connection: Connection): void
}

/**
 * Every way out of a browser. WebRTC uses the `RTCPeerConnection` that is there when the module loads, and answers
 * those who may connect directly.
 */
export function browserTransports(
  mayMeet: (peer: PeerId) => boolean,
  rtcConfiguration: () => Promise<IceConfiguration>,
  { clock, random, onAssisted }: RendezvousTransportInit,
): TransportFactory[] {
  return [
    closingWebSockets(),
    webTransport(),
    guardedWebRTC(mayMeet, rtcConfiguration),
    connectTransport({ clock, random }),
    rendezvousTransport({ clock, random, onAssisted }),
  ]
}

/** A libp2p node as Starling wants it, not yet started. */
export async function createNode(
  components: NodeComponents,
  transports: TransportFactory[],
): Promise<Node> {
  const found: {
    circuit?: Transport
    manager?: TransportManager
    connections?: ConnectionManager
    dht?: LazyDht
  } = {}
  const libp2p = await createLibp2p({
    start: false,
    privateKey: components.privateKey,
    logger: libp2pLogger(components.loggers),
    nodeInfo: { name: 'starling', userAgent: 'starling' },
    // Reservations are asked for by the relay book, so there is no `/p2p-circuit` to search relays for.
    addresses: { listen: ['/webrtc'] },
    transports: [...transports, (parts) => (found.circuit = circuitRelayTransport()(parts))],
    transportManager: { faultTolerance: FaultTolerance.NO_FATAL },
    connectionEncrypters: [noise()],
    streamMuxers: [muxer],
    connectionGater: components.gater,
    metrics: (parts) => components.traffic.metrics(() => parts.connectionManager.getConnections()),
    connectionManager: {
      addressDialTimeout: ADDRESS_DIAL_TIMEOUT_MS,
      dialTimeout: DIAL_TIMEOUT_MS,
      inboundConnectionThreshold: INBOUND_PER_SECOND,
      maxConnections: MAX_CONNECTIONS,
      maxIncomingPendingConnections: INBOUND_PER_SECOND,
      // The relay book and the keeper reconnect.
      reconnectRetries: 0,
    },
    connectionMonitor: {
      pingInterval: MONITOR_INTERVAL_MS,
      pingTimeout: { minTimeout: MONITOR_TIMEOUT_MS },
    },
    services: {
      stillborn: forgetStillborn,
      identify: identify(),
      ping: ping({ maxInboundStreams: MAX_PINGS, maxOutboundStreams: MAX_PINGS }),
      starling: (parts) => {
        found.manager = parts.transportManager
        found.connections = parts.connectionManager
        found.dht = new LazyDht({ ...components.dht, components: parts })
        return found.dht
      },
    },
  })
  const { circuit, manager, connections, dht } = found
  if (!manager || !connections || !dht || !keepsReservations(circuit)) {
    throw new TypeError('circuit-relay-v2 has changed: its transport keeps no reservations')
  }
  return {
    libp2p,
    transports: manager,
    reservations: circuit.reservationStore,
    dht,
    useFirst: (connection) => {
      // libp2p takes the first that is listed.
      connections
        .getConnectionsMap()
        .get(connection.remotePeer)
        ?.sort((a, b) => Number(b.id === connection.id) - Number(a.id === connection.id))
    },
  }
}

function keepsReservations(
  transport: Transport | undefined,
): transport is Transport & { reservationStore: ReservationStore } {
  return transport !== undefined && 'reservationStore' in transport
}
