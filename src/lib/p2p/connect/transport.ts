/**
 * libp2p over plain HTTP to a relay, for networks that break WebSockets and UDP (`lib/protocol/connect`).
 *
 * What dials is loaded when it is needed first: most people never need it.
 */
import {
  type ComponentLogger,
  ConnectionFailedError,
  type DialTransportOptions,
  serviceCapabilities,
  type Transport,
  transportSymbol,
} from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { decodeConnectAddress, isConnectAddress } from '../../protocol/connect/addresses.ts'
import type { Clock, Random } from '../../protocol/seams.ts'

export interface ConnectTransportInit {
  clock: Clock
  random: Random
}

export function connectTransport(
  init: ConnectTransportInit,
): (components: { logger: ComponentLogger }) => Transport {
  return ({ logger }) => ({
    [transportSymbol]: true,
    [Symbol.toStringTag]: 'starling/connect',
    [serviceCapabilities]: ['@libp2p/transport'],
    dialFilter: (addresses) => addresses.filter(isConnectAddress),
    listenFilter: () => [],
    createListener: () => {
      throw new ConnectionFailedError('only a relay listens over HTTP')
    },
    async dial(address: Multiaddr, options: DialTransportOptions) {
      const target = decodeConnectAddress(address)
      if (target === null) throw new ConnectionFailedError('another kind of address')
      const { connectTo } = await import('./dial.ts')
      const log = logger.forComponent('starling:connect')
      const connection = await connectTo({ ...init, log }, { address, target }, options.signal)
      try {
        return await options.upgrader.upgradeOutbound(connection, options)
      } catch (error) {
        connection.abort(error as Error)
        throw error
      }
    },
  })
}
