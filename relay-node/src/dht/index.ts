import { kadDHT, type KadDHT, type KadDHTComponents, passthroughMapper } from '@libp2p/kad-dht'
import { PEER_RECORD_NAMESPACE, selectPeerRecord } from '#lib/protocol/peer-record.ts'
import { PROVIDER_LIFE_MS } from '#lib/protocol/providers.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import { selectSignpost, SIGNPOST_NAMESPACE, validateSignpost } from '#lib/protocol/signpost.ts'
import { MAX_DHT_STREAMS } from '../limits.ts'
import type { DhtAsker } from './asker.ts'
import type { PeerRecords } from './peer-records.ts'

/** The network's own DHT, apart from others that speak Kademlia. */
export const DHT_PROTOCOL = '/starling/kad/1.0.0'

/**
 * kad-dht as a server. It keeps peer records, signposts, and public keys under `/pk/` as any libp2p client may put them;
 * values in any other namespace are refused, because nothing could tell whether they are true.
 */
export function relayDht(init: {
  asker: DhtAsker
  records: PeerRecords
  clock: Pick<Clock, 'now'>
}): (components: KadDHTComponents) => KadDHT {
  const create = kadDHT({
    protocol: DHT_PROTOCOL,
    clientMode: false,
    // The first relay of a network is its whole DHT.
    allowQueryWithZeroPeers: true,
    // Relays of one LAN form a DHT too.
    peerInfoMapper: passthroughMapper,
    maxInboundStreams: MAX_DHT_STREAMS,
    // As long as the records of peers it stands for; renewed at half of that.
    reprovide: { validity: PROVIDER_LIFE_MS, threshold: PROVIDER_LIFE_MS / 2 },
    validators: {
      [PEER_RECORD_NAMESPACE]: init.records.validate,
      [SIGNPOST_NAMESPACE]: validateSignpost(init.clock),
    },
    selectors: {
      [PEER_RECORD_NAMESPACE]: selectPeerRecord,
      [SIGNPOST_NAMESPACE]: selectSignpost,
    },
  })
  return (components) =>
    create({
      peerId: components.peerId,
      privateKey: components.privateKey,
      addressManager: components.addressManager,
      peerStore: components.peerStore,
      connectionManager: components.connectionManager,
      datastore: components.datastore,
      events: components.events,
      logger: components.logger,
      ping: components.ping,
      ...(components.metrics === undefined ? {} : { metrics: components.metrics }),
      registrar: init.asker.registrar(components.registrar),
    })
}
