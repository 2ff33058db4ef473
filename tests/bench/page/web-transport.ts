/** WebTransport in the worker, where the node has it. */
import { webTransport } from '@libp2p/webtransport'
import { arrivals, type ArrivalsInit } from '../arrivals.ts'
import { PING_BYTES, RelayClient } from '../relay-client.ts'
import { type RawPlace, RawSession } from './raw-session.ts'

export type WebTransportOrder =
  | { what: 'dial'; address: string }
  | { what: 'round-trips'; times: number }
  | { what: 'expect'; bytes: number }
  | { what: 'all' }
  | { what: 'stop' }
  | { what: 'raw-open'; place: RawPlace }
  | { what: 'raw-round-trips'; times: number }
  | { what: 'raw-bytes'; bytes: number }
  | { what: 'raw-close' }
  /** Opened, used once and closed again. */
  | { what: 'raw-once'; place: RawPlace }
  | { what: 'arrivals'; init: ArrivalsInit }

/** Round trips timed together: see `timeEach`. */
const TOGETHER = 10

let client: RelayClient | null = null
let raw: RawSession | null = null

export async function obey(order: WebTransportOrder): Promise<unknown> {
  switch (order.what) {
    case 'dial':
      client = await RelayClient.dial(order.address, webTransport())
      return client.peer
    case 'round-trips':
      return client?.roundTrips(order.times, TOGETHER)
    case 'expect':
      return client?.expect(order.bytes)
    case 'all':
      return client?.all()
    case 'stop':
      return client?.stop()
    case 'raw-open':
      raw = await RawSession.open(order.place)
      return null
    case 'raw-round-trips':
      return raw?.roundTrips(order.times, PING_BYTES, TOGETHER)
    case 'raw-bytes':
      return raw?.bytes(order.bytes)
    case 'raw-close':
      return raw?.close()
    case 'raw-once':
      return once(order.place)
    case 'arrivals':
      return arrivals(order.init)
  }
}

/** In milliseconds. */
async function once(place: RawPlace): Promise<number> {
  const startMs = performance.now()
  const session = await RawSession.open(place)
  await session.roundTrips(1, PING_BYTES, 1)
  const ms = performance.now() - startMs
  session.close()
  return ms
}
