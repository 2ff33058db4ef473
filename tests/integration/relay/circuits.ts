/** Circuits as bytes (`support/circuits.ts`), between stock clients of a relay in this process. */
import type { Stream } from '@libp2p/interface'
import { webSockets } from '@libp2p/websockets'
import type { Relay } from '#relay/relay.ts'
import { openCircuit as open, reserve } from '../../support/circuits.ts'
import { type StockClient, stockClient, type TransportFactory, webSocketOf } from './harness.ts'

/** A client without circuit transport that holds a reservation; circuits to it go to `onCircuit`. */
export async function circuitClient(
  relay: Relay,
  onCircuit: (stream: Stream) => void,
  { address = webSocketOf(relay), transport = webSockets() as TransportFactory } = {},
): Promise<StockClient> {
  const client = await stockClient({ circuits: false, transport })
  const { remotePeer } = await client.dial(address)
  await reserve(client, remotePeer, onCircuit)
  return client
}

/** Opens a circuit through the relay. */
export async function openCircuit(
  from: StockClient,
  to: StockClient,
  relay: Relay,
): Promise<Stream> {
  const { remotePeer } = await from.dial(webSocketOf(relay))
  return await open(from, to.peerId.toString(), remotePeer)
}
