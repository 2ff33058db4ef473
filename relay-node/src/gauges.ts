import { RELAY_V2_STOP_CODEC } from '@libp2p/circuit-relay-v2'
import { Gauge, type Registry } from 'prom-client'
import type { ConnectSessions } from './connect/sessions.ts'
import type { Copies } from './copies/copies.ts'
import type { QuotaDatastore } from './dht/quota-datastore.ts'
import type { MailboxStore, Usage } from './mailbox/store.ts'
import type { RelayNode } from './node.ts'
import type { ProviderRecords } from './providers/provider-records.ts'
import type { RelayMesh } from './relay-mesh.ts'
import type { BoundedPeers } from './store/bounded-peers.ts'
import type { Meetings } from './rendezvous/meetings.ts'
import type { ResilientDatastore } from './store/resilient-datastore.ts'

export interface GaugesComponents {
  registry: Registry
  node: RelayNode
  mesh: RelayMesh
  quota: QuotaDatastore
  peers: BoundedPeers
  store: ResilientDatastore
  providers: ProviderRecords
  mailboxes: MailboxStore
  sessions: ConnectSessions
  meetings: Meetings
}

/**
 * What the relay holds now, beside what libp2p counts itself (bytes, dials, DHT operations) and what prom-client tells
 * of the process.
 */
export function gauges(components: GaugesComponents): void {
  const { registry, node, mesh, quota, peers, store, providers, mailboxes, sessions, meetings } =
    components
  const gauge = gaugesOf(registry)
  const held = (what: keyof Usage) => (): Promise<number> =>
    mailboxes.usage().then(
      (usage) => usage[what],
      // A store that cannot be asked must not hide all other metrics.
      () => Number.NaN,
    )
  gauge('connections', 'Open connections', () => node.getConnections().length)
  gauge('connect_sessions', 'Connections over plain HTTP', () => sessions.size)
  gauge('rendezvous_seats', 'Peers that wait for another or are joined', () => meetings.size)
  gauge('reservations', 'Peers this is the relay of', () => node.services.relay.reservations.size)
  gauge('circuits', 'Open relayed connections', () => circuits(node))
  gauge('dht_records', 'Records kept for the DHT', () => quota.size)
  gauge('provider_records', 'Peers known to have a content', () => providers.size)
  gauge('peer_rows', 'Peers in the peer store', () => peers.size)
  gauge('known_relays', 'Other relays seen working', () => mesh.size)
  gauge('unwritten_entries', 'Entries the disk did not take', () => store.unwritten)
  gauge('mailbox_items', 'Items in mailboxes', held('items'))
  gauge('mailbox_bytes', 'Bytes of mailboxes, as quotas count them', held('bytes'))
}

/** What a relay that keeps copies holds of them. */
export function copyGauges(registry: Registry, copies: Copies): void {
  const gauge = gaugesOf(registry)
  gauge('copies', 'Copies of what people share', () => copies.size)
  gauge('copies_bytes', 'Bytes of copies, as quotas count them', () => copies.bytes)
}

function gaugesOf(registry: Registry) {
  return (name: string, help: string, read: () => number | Promise<number>): void => {
    new Gauge({
      name: `starling_relay_${name}`,
      help,
      registers: [registry],
      async collect() {
        this.set(await read())
      },
    })
  }
}

/** Each circuit has one stream of the stop protocol to the peer that was called. */
function circuits(node: RelayNode): number {
  return node
    .getConnections()
    .flatMap(({ streams }) => streams)
    .filter(({ protocol, direction }) => {
      return protocol === RELAY_V2_STOP_CODEC && direction === 'outbound'
    }).length
}
