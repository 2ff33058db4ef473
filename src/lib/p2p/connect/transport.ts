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
import type { ConnectMode } from '../../protocol/connect/connect.ts'
import type { Clock, Random } from '../../protocol/seams.ts'

/** How long the mode that worked is tried before others, ms. */
const REMEMBERED_MS = 10 * 60_000

/** Relays of which that is remembered. */
const MAX_REMEMBERED = 64

export interface ConnectTransportInit {
  clock: Clock
  random: Random
}

export function connectTransport(
  init: ConnectTransportInit,
): (components: { logger: ComponentLogger }) => Transport {
  /** The mode that worked last for a relay, and until when it is taken to: the network may be another one then. */
  const worked = new Map<string, { mode: ConnectMode | null; untilMs: number }>()
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
      const last = worked.get(target.url)
      const first = last !== undefined && last.untilMs > init.clock.now() ? last.mode : null
      worked.delete(target.url)
      const dial = { address, target, first }
      const connection = await connectTo({ ...init, log }, dial, options.signal)
      try {
        const upgraded = await options.upgrader.upgradeOutbound(connection, options)
        if (worked.size >= MAX_REMEMBERED) worked.delete(worked.keys().next().value!)
        const { mode = null } = decodeConnectAddress(connection.remoteAddr) ?? {}
        worked.set(target.url, { mode, untilMs: init.clock.now() + REMEMBERED_MS })
        return upgraded
      } catch (error) {
        connection.abort(error as Error)
        throw error
      }
    },
  })
}
