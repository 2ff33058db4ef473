import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { circuitRelayServer } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping } from '@libp2p/ping'
import { webSockets } from '@libp2p/websockets'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { parseRelayAddress } from '../../../src/lib/p2p/addresses.ts'

/** A circuit relay and DHT server of stock parts, in one DHT with the relay at `host`. */
export async function stockRelay(host: string): Promise<Libp2p> {
  const libp2p = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0/ws'] },
    transports: [webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionManager: { inboundConnectionThreshold: 100 },
    services: {
      identify: identify(),
      ping: ping(),
      relay: circuitRelayServer(),
      dht: kadDHT({
        protocol: '/starling/kad/1.0.0',
        clientMode: false,
        peerInfoMapper: passthroughMapper,
      }),
    },
  })
  await libp2p.dial(parseRelayAddress(host).multiaddrs.map((address) => multiaddr(address)))
  return libp2p
}

export function stockOrigin(libp2p: Libp2p): string {
  const components = libp2p.getMultiaddrs()[0]?.getComponents() ?? []
  return `http://127.0.0.1:${components.find(({ name }) => name === 'tcp')?.value ?? ''}`
}
