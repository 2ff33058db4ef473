/** The relay's libp2p host: every transport, protocol and limit of it. */
import type { CircuitRelayService } from '@libp2p/circuit-relay-v2'
import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import type {
  Connection,
  ConnectionGater,
  Ed25519PrivateKey,
  Libp2p,
  PeerDiscovery,
  PeerId,
  PeerInfo,
} from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { keychain } from '@libp2p/keychain'
import { mdns, type MulticastDNSComponents } from '@libp2p/mdns'
import { ping, type Ping } from '@libp2p/ping'
import { prometheusMetrics } from '@libp2p/prometheus-metrics'
import { getNetConfig } from '@libp2p/utils'
import { webRTCDirect } from '@libp2p/webrtc'
import type { Datastore } from 'interface-datastore'
import { createLibp2p } from 'libp2p'
import type { Registry } from 'prom-client'
import { connectSuffix } from '#lib/protocol/connect/addresses.ts'
import { forgetStillborn } from '#lib/protocol/stillborn.ts'
import {
  connectAddress,
  WEBTRANSPORT_SUFFIX,
  webSocketAddress,
  webTransportAddress,
} from './addresses.ts'
import { autoNATWithoutWalks } from './auto-nat.ts'
import { pacedCircuits } from './circuits.ts'
import { connectListener } from './connect/listener.ts'
import type { ConnectSessions } from './connect/sessions.ts'
import type { DhtAsker } from './dht/asker.ts'
import { relayDht } from './dht/index.ts'
import { AnnouncedPorts } from './port-mapping/announced-ports.ts'
import type { PeerRecords } from './dht/peer-records.ts'
import { QuotaError } from './errors.ts'
import * as limits from './limits.ts'
import type { Refusals } from './refusals.ts'
import type { RateLimit } from './rate-limit.ts'
import { limitedYamux } from './limited-yamux.ts'
import { quickConnections } from './quick-connections.ts'
import { webRtcConfiguration } from './webrtc-handshakes.ts'
import { userAgent } from './user-agent.ts'
import type { webTransportListener } from './webtransport/listener.ts'
import { sharedWebSockets, type SharedWebSocketsComponents } from './ws-listener.ts'

/** Relays announce themselves on a LAN under their own name, so that nothing else dials them. */
const MDNS_SERVICE_TAG = '_starling-relay._udp.local'

export interface RelayServices extends Record<string, unknown> {
  ping: Ping
  dht: KadDHT
  relay: CircuitRelayService
  ports: AnnouncedPorts
}

export type RelayNode = Libp2p<RelayServices>

export interface NodeComponents extends SharedWebSocketsComponents {
  datastore: Datastore
  /** libp2p over plain HTTP. */
  sessions: ConnectSessions
  privateKey: Ed25519PrivateKey
  registry: Registry
  refusals: Refusals
  records: PeerRecords
  asker: DhtAsker
  /** Null: no WebTransport. */
  webTransport: ReturnType<typeof webTransportListener> | null
  /** How many WebRTC-direct handshakes may begin. */
  handshakes: RateLimit
  /** Told of each relay that announces itself on the LAN. */
  onLan: (relay: PeerInfo) => void
}

export interface NodeInit {
  host: string
  /** TCP of `server`, and UDP of WebRTC-direct. */
  port: number
  secure: boolean
  operator: string | null
  publicUrl: string | null
  webrtc: boolean
  /** UDP; null: none. 0: any. */
  webTransport: number | null
  mdns: boolean
  maxConnections: number
  maxReservations: number
}

/** A started host. */
export async function relayNode(components: NodeComponents, init: NodeInit): Promise<RelayNode> {
  const { costly } = components
  const ip = init.host === 'localhost' ? '127.0.0.1' : init.host
  const family = ip.includes(':') ? 'ip6' : 'ip4'
  const node: RelayNode = await createLibp2p<RelayServices>({
    start: false,
    privateKey: components.privateKey,
    // How other relays learn who runs this one.
    nodeInfo: { userAgent: userAgent(init.operator) },
    datastore: components.datastore,
    addresses: {
      listen: [
        `/${family}/${ip}/tcp/${init.port}${init.secure ? '/tls' : ''}/ws`,
        `/${family}/${ip}/tcp/${init.port}${connectSuffix(init.secure)}`,
        ...(init.webrtc ? [`/${family}/${ip}/udp/${init.port}/webrtc-direct`] : []),
        ...(components.webTransport === null
          ? []
          : [`/${family}/${ip}/udp/${init.webTransport ?? 0}${WEBTRANSPORT_SUFFIX}`]),
      ],
      ...(init.publicUrl === null
        ? {}
        : {
            appendAnnounce: [
              ...[webSocketAddress, connectAddress].map((of) => of(new URL(init.publicUrl!))),
              // Any port is not known yet, and nobody forwards it.
              ...(components.webTransport === null || !init.webTransport
                ? []
                : [webTransportAddress(new URL(init.publicUrl), init.webTransport)]),
            ],
          }),
    },
    transports: [
      sharedWebSockets(components),
      connectListener(components),
      webRTCDirect({ rtcConfiguration: () => webRtcConfiguration(components) }),
      ...(components.webTransport === null ? [] : [components.webTransport]),
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [limitedYamux(components)],
    connectionManager: {
      maxConnections: init.maxConnections,
      maxIncomingPendingConnections: costly.pendingConnections,
      // `Admission` counts arrivals, a whole IPv6 network as one.
      inboundConnectionThreshold: Number.MAX_SAFE_INTEGER,
      inboundUpgradeTimeout: costly.handshakeTimeoutMs,
      // The mesh dials again by itself, for as long as it takes.
      reconnectRetries: 0,
    },
    // The WebSocket's own ping notices dead peers; this one would decrypt a stream for each every time.
    connectionMonitor: { enabled: false },
    connectionGater: gater(() => node, components, init),
    metrics: prometheusMetrics({ registry: components.registry }),
    ...(init.mdns ? { peerDiscovery: [lanDiscovery(components.onLan)] } : {}),
    services: {
      stillborn: forgetStillborn,
      quickConnections,
      identify: identify(),
      keychain: keychain(),
      // The mesh and the DHT may ping a relay at the same moment.
      ping: ping({ maxInboundStreams: 8, maxOutboundStreams: 8 }),
      autonat: autoNATWithoutWalks,
      relay: pacedCircuits(
        components,
        {
          hopTimeout: costly.circuitTimeoutMs,
          maxInboundHopStreams: limits.MAX_CIRCUITS_PER_CONNECTION,
          maxOutboundStopStreams: limits.MAX_CIRCUITS_PER_CONNECTION,
          reservations: {
            maxReservations: init.maxReservations,
            reservationTtl: limits.RESERVATION_TTL_MS,
            // Counted in milliseconds, announced as seconds: docs/LIMITS.md, circuits.
            defaultDurationLimit: costly.circuitDurationMs,
            defaultDataLimit: costly.circuitBytes,
          },
        },
        costly,
      ),
      dht: relayDht(components),
      ports: (own: ConstructorParameters<typeof AnnouncedPorts>[0]) => new AnnouncedPorts(own),
    },
  })
  node.addEventListener('connection:open', ({ detail: { remotePeer } }) => {
    closeOldest(node.getConnections(remotePeer), components.refusals)
  })
  node.addEventListener('peer:disconnect', ({ detail: peer }) => {
    freeReservation(node, peer)
  })
  await node.start()
  return node
}

/**
 * mDNS itself: libp2p's `peer:discovery` tells of whoever is new in the peer store, so of every stranger, and not of a
 * relay that was there yesterday.
 */
function lanDiscovery(
  onLan: NodeComponents['onLan'],
): (components: MulticastDNSComponents) => PeerDiscovery {
  const create = mdns({ serviceTag: MDNS_SERVICE_TAG })
  return (components) => {
    const discovery = create(components)
    discovery.addEventListener('peer', ({ detail }) => {
      onLan(detail)
    })
    return discovery
  }
}

/** A peer that came back by another network is here twice until the old connection is found dead. */
function closeOldest(connections: Connection[], refusals: Refusals): void {
  if (connections.length <= limits.MAX_CONNECTIONS_PER_PEER) return
  const [oldest] = connections.toSorted((a, b) => a.timeline.open - b.timeline.open)
  refusals.count('connections-per-peer')
  oldest?.abort(new QuotaError(`more than ${limits.MAX_CONNECTIONS_PER_PEER} connections`))
}

/** A reservation is of use only while its peer is connected: its place goes to another. */
function freeReservation({ services: { relay } }: RelayNode, peer: PeerId): void {
  const reservation = relay.reservations.get(peer)
  if (reservation === undefined) return
  // Else its end would later remove a newer one of the same peer.
  reservation.signal.clear()
  relay.reservations.delete(peer)
}

function gater(
  node: () => RelayNode,
  { admission, refusals }: NodeComponents,
  { maxReservations }: NodeInit,
): ConnectionGater {
  return {
    // A relay dials what its operator names and what it finds on the LAN, also private addresses.
    denyDialMultiaddr: () => false,
    denyInboundConnection(connection) {
      // A WebSocket, and a session of /connect, took its place when it was accepted.
      const protocols = connection.remoteAddr.getComponents().map(({ name }) => name)
      if (!protocols.includes('webrtc-direct')) return false
      const leave = admission.enter(getNetConfig(connection.remoteAddr).host)
      if (leave === null) return true
      connection.addEventListener('close', leave, { once: true })
      return false
    },
    denyInboundRelayReservation(peer) {
      // Only counted: the server itself refuses it, with the right status.
      const { reservations } = node().services.relay
      if (reservations.size >= maxReservations && !reservations.has(peer)) {
        refusals.count('reservations')
      }
      return false
    },
  }
}

/** Addresses of this host, each with its peer id; those that others can use everywhere first. */
export function addressesOf(node: RelayNode, publicUrl: string | null): string[] {
  const all = node.getMultiaddrs().map(String)
  const { publicAddress } = node.services.ports
  const first = [
    ...(publicUrl === null
      ? []
      : [webSocketAddress, connectAddress].map((of) => of(new URL(publicUrl)))),
    ...(publicAddress === null ? [] : [`/ip4/${publicAddress}/`]),
  ]
  const place = (address: string): number => {
    const found = first.findIndex((each) => address.startsWith(each))
    return found < 0 ? first.length : found
  }
  return all.toSorted((a, b) => place(a) - place(b))
}
