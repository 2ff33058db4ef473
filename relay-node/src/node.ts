/** The relay's libp2p host: every transport, protocol and limit of it. */
import { autoNAT } from '@libp2p/autonat'
import { circuitRelayServer, type CircuitRelayService } from '@libp2p/circuit-relay-v2'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import type { ConnectionGater, Ed25519PrivateKey, Libp2p, PeerId } from '@libp2p/interface'
import { kadDHT, type KadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { keychain } from '@libp2p/keychain'
import { mdns } from '@libp2p/mdns'
import { ping, type Ping } from '@libp2p/ping'
import { prometheusMetrics } from '@libp2p/prometheus-metrics'
import { webRTCDirect } from '@libp2p/webrtc'
import type { Datastore } from 'interface-datastore'
import { createLibp2p } from 'libp2p'
import type { Registry } from 'prom-client'
import { PEER_RECORD_NAMESPACE, selectPeerRecord } from '#lib/protocol/peer-record.ts'
import { webSocketAddress } from './addresses.ts'
import type { DhtAsker } from './dht/asker.ts'
import type { PeerRecords } from './dht/peer-records.ts'
import * as limits from './limits.ts'
import type { Refusals } from './refusals.ts'
import { sharedWebSockets, type SharedWebSocketsComponents } from './ws-listener.ts'

/** The network's own DHT, apart from others that speak Kademlia. */
export const DHT_PROTOCOL = '/starling/kad/1.0.0'

/** Relays announce themselves on a LAN under their own name, so that nothing else dials them. */
const MDNS_SERVICE_TAG = '_starling-relay._udp.local'

export interface RelayServices extends Record<string, unknown> {
  ping: Ping
  dht: KadDHT
  relay: CircuitRelayService
}

export type RelayNode = Libp2p<RelayServices>

export interface NodeComponents extends SharedWebSocketsComponents {
  datastore: Datastore
  privateKey: Ed25519PrivateKey
  registry: Registry
  refusals: Refusals
  records: PeerRecords
  asker: DhtAsker
}

export interface NodeInit {
  host: string
  /** TCP of `server`, and UDP of WebRTC-direct. */
  port: number
  secure: boolean
  publicUrl: string | null
  mdns: boolean
  maxConnections: number
  maxReservations: number
}

/** A started host. */
export async function relayNode(components: NodeComponents, init: NodeInit): Promise<RelayNode> {
  const ip = init.host === 'localhost' ? '127.0.0.1' : init.host
  const family = ip.includes(':') ? 'ip6' : 'ip4'
  const node: RelayNode = await createLibp2p<RelayServices>({
    start: false,
    privateKey: components.privateKey,
    datastore: components.datastore,
    addresses: {
      listen: [
        `/${family}/${ip}/tcp/${init.port}${init.secure ? '/tls' : ''}/ws`,
        `/${family}/${ip}/udp/${init.port}/webrtc-direct`,
      ],
      ...(init.publicUrl === null
        ? {}
        : { appendAnnounce: [webSocketAddress(new URL(init.publicUrl))] }),
    },
    transports: [sharedWebSockets(components), webRTCDirect()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: limits.MAX_STREAMS_PER_CONNECTION,
        maxOutboundStreams: limits.MAX_STREAMS_PER_CONNECTION,
      }),
    ],
    connectionManager: {
      maxConnections: init.maxConnections,
      maxIncomingPendingConnections: limits.MAX_PENDING_CONNECTIONS,
      inboundConnectionThreshold: limits.MAX_NEW_CONNECTIONS_PER_SECOND,
      inboundUpgradeTimeout: limits.HANDSHAKE_TIMEOUT_MS,
      // The mesh dials again by itself, for as long as it takes.
      reconnectRetries: 0,
    },
    // A browser asleep answers no ping; its connection is kept until the network says otherwise.
    connectionMonitor: { abortConnectionOnPingFailure: false },
    connectionGater: gater(() => node, components.refusals, init),
    metrics: prometheusMetrics({
      registry: components.registry,
      preserveExistingMetrics: true,
    }),
    ...(init.mdns ? { peerDiscovery: [mdns({ serviceTag: MDNS_SERVICE_TAG })] } : {}),
    services: {
      identify: identify(),
      keychain: keychain(),
      ping: ping(),
      autonat: autoNAT(),
      relay: circuitRelayServer({
        hopTimeout: limits.CIRCUIT_TIMEOUT_MS,
        maxInboundHopStreams: limits.MAX_CIRCUITS_PER_CONNECTION,
        maxOutboundStopStreams: limits.MAX_CIRCUITS_PER_CONNECTION,
        reservations: {
          maxReservations: init.maxReservations,
          reservationTtl: limits.RESERVATION_TTL_MS,
          defaultDurationLimit: limits.CIRCUIT_DURATION_MS,
          defaultDataLimit: limits.CIRCUIT_BYTES,
        },
      }),
      dht: kadDHT({
        protocol: DHT_PROTOCOL,
        clientMode: false,
        // The first relay of a network is its whole DHT.
        allowQueryWithZeroPeers: true,
        // Relays of one LAN form a DHT too.
        peerInfoMapper: passthroughMapper,
        maxInboundStreams: limits.MAX_DHT_STREAMS,
        validators: { [PEER_RECORD_NAMESPACE]: components.records.validate },
        selectors: { [PEER_RECORD_NAMESPACE]: selectPeerRecord },
      }),
    },
  })
  await node.start()
  freeReservations(node)
  return node
}

/** A reservation is of use only while its peer is connected: give its place to another. */
function freeReservations(node: RelayNode): void {
  node.addEventListener('peer:disconnect', ({ detail: peer }) => {
    const { reservations } = node.services.relay
    const reservation = reservations.get(peer)
    if (reservation === undefined) return
    // Else its end would later remove a newer one of the same peer.
    reservation.signal.clear()
    reservations.delete(peer)
  })
}

function gater(
  node: () => RelayNode,
  refusals: Refusals,
  { maxReservations }: NodeInit,
): ConnectionGater {
  return {
    // A relay dials what its operator names and what it finds on the LAN, also private addresses.
    denyDialMultiaddr: () => false,
    denyInboundEncryptedConnection(peer: PeerId) {
      const deny = node().getConnections(peer).length >= limits.MAX_CONNECTIONS_PER_PEER
      if (deny) refusals.count('connections-per-peer')
      return deny
    },
    denyInboundRelayReservation(peer: PeerId) {
      // The server itself refuses it, with the right status.
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
  if (publicUrl === null) return all
  const first = webSocketAddress(new URL(publicUrl))
  return all.toSorted((a, b) => Number(b.startsWith(first)) - Number(a.startsWith(first)))
}
