import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { describe, expect, test } from 'vitest'
import { connectSuffix } from '#lib/protocol/connect/addresses.ts'
import { CONNECT_MODES, type ConnectMode } from '#lib/protocol/connect/connect.ts'
import { systemClock, systemRandom } from '#lib/protocol/seams.ts'
import type { Relay } from '#relay/relay.ts'
import { connectTransport } from '../../../src/lib/p2p/connect/transport.ts'
import { startRelay, stockClient, type StockClient } from './harness.ts'

/** A client whose only way to a relay is plain HTTP. */
function httpClient(): Promise<StockClient> {
  return stockClient({ transport: connectTransport({ clock: systemClock, random: systemRandom }) })
}

/** The relay's /connect in this mode, at this port. */
function connectOf(relay: Relay, mode: ConnectMode | null = null, port = relay.port): Multiaddr {
  return multiaddr(`/ip4/127.0.0.1/tcp/${port}${connectSuffix(false, mode)}/p2p/${relay.peerId}`)
}

describe.each(CONNECT_MODES)('%s', (mode) => {
  test('a relay is dialled, proves who it is, and is pinged', async () => {
    const relay = await startRelay()
    const client = await httpClient()
    const connection = await client.dial(connectOf(relay, mode))
    expect(connection.remotePeer.toString()).toBe(relay.peerId)
    expect(connection.remoteAddr.toString()).toBe(connectOf(relay, mode).toString())
    expect(await client.services.ping.ping(connection.remotePeer)).toBeGreaterThanOrEqual(0)
  })
})
