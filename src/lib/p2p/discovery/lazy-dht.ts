import type { kadDHT, KadDHT } from '@libp2p/kad-dht'
import {
  type AbortOptions,
  type PeerDiscoveryProvider,
  peerDiscoverySymbol,
  start,
  stop,
} from '@libp2p/interface'
import type { Clock } from '../../protocol/seams.ts'
import {
  PEER_RECORD_NAMESPACE,
  peerRecordKey,
  selectPeerRecord,
  validatePeerRecord,
} from '../../protocol/peer-record.ts'
import type { PeerIdString } from '../../protocol/ids.ts'

/** The DHT relays form. */
export const DHT_PROTOCOL = '/starling/kad/1.0.0'

type KadParts = Parameters<ReturnType<typeof kadDHT>>[0]

export interface LazyDhtInit {
  clock: Pick<Clock, 'now'>
  components: KadParts
}

/**
 * A DHT client that is loaded and started by the first question to it: most people are found through their
 * relays, and a routing table costs code, dials and battery.
 */
export class LazyDht {
  readonly #init: LazyDhtInit
  #dht: Promise<KadDHT> | null = null

  constructor(init: LazyDhtInit) {
    this.#init = init
  }

  /** Sealed records of this peer, as they are found; not yet opened. */
  async *records(peer: PeerIdString, options: AbortOptions): AsyncIterable<Uint8Array> {
    const dht = await (this.#dht ??= this.#create())
    for await (const event of dht.get(peerRecordKey(peer), options)) {
      if (event.name === 'VALUE') yield event.value
    }
  }

  async stop(): Promise<void> {
    const dht = this.#dht
    this.#dht = null
    if (dht !== null) await stop(await dht)
  }

  async #create(): Promise<KadDHT> {
    const kad = await import('@libp2p/kad-dht')
    const dht = kad.kadDHT({
      protocol: DHT_PROTOCOL,
      clientMode: true,
      // Relays on a local network count like any other.
      peerInfoMapper: kad.passthroughMapper,
      validators: { [PEER_RECORD_NAMESPACE]: validatePeerRecord(this.#init.clock) },
      selectors: { [PEER_RECORD_NAMESPACE]: selectPeerRecord },
    })(this.#init.components)
    // libp2p does this for services it was made with: whom the DHT names is dialled by the address it named.
    const { peerStore } = this.#init.components
    if (discovers(dht)) {
      dht[peerDiscoverySymbol].addEventListener('peer', ({ detail: { id, multiaddrs } }) => {
        void peerStore.merge(id, { multiaddrs })
      })
    }
    await start(dht)
    await this.#introduce()
    return dht
  }

  /** Whoever comes late is not told by libp2p who is connected already and speaks the protocol. */
  async #introduce(): Promise<void> {
    const { registrar, connectionManager, peerStore } = this.#init.components
    const topologies = registrar.getTopologies(DHT_PROTOCOL)
    for (const connection of connectionManager.getConnections()) {
      if (!(await peerStore.has(connection.remotePeer))) continue
      const { protocols } = await peerStore.get(connection.remotePeer)
      if (!protocols.includes(DHT_PROTOCOL)) continue
      for (const topology of topologies) {
        await topology.onConnect?.(connection.remotePeer, connection)
      }
    }
  }
}

function discovers(dht: KadDHT): dht is KadDHT & PeerDiscoveryProvider {
  return peerDiscoverySymbol in dht
}
