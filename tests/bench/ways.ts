import { webSockets } from '@libp2p/websockets'
import { connectSuffix } from '#lib/protocol/connect/addresses.ts'
import type { ConnectMode } from '#lib/protocol/connect/connect.ts'
import { systemClock, systemRandom } from '#lib/protocol/seams.ts'
import { connectTransport } from '../../src/lib/p2p/connect/transport.ts'
import type { Relay } from '../support/relay.ts'
import { chargedTo } from './processor.ts'
import { RelayClient, write } from './relay-client.ts'
import type { WebTransportPage } from './web-transport-page.ts'

/** Ways to a relay that Node has, too. */
const NODE_WAYS = ['websocket', 'http-binary', 'http-sse', 'http-longpoll'] as const

export type NodeWay = (typeof NODE_WAYS)[number]

/** The last one is a page's alone. */
export const BENCHED_WAYS = [...NODE_WAYS, 'webtransport'] as const

export type BenchedWay = (typeof BENCHED_WAYS)[number]

/** A `RelayClient`, here or in a page. */
export interface Near {
  peer: string
  roundTrips(times: number): Promise<number[]>
  expect(bytes: number): Promise<void> | void
  all(): Promise<void>
  stop(): Promise<void>
}

/** Somebody who reaches a relay by one way, and somebody else at the same relay. */
export class WayTo implements AsyncDisposable {
  readonly #relay: Relay
  readonly #near: Near
  readonly #far: RelayClient

  private constructor(relay: Relay, near: Near, far: RelayClient) {
    this.#relay = relay
    this.#near = near
    this.#far = far
  }

  static async open(relay: Relay, way: NodeWay): Promise<WayTo> {
    const near = await dial(relay, way)
    return new WayTo(
      relay,
      {
        peer: near.peer,
        roundTrips: (times) => near.roundTrips(times, 1),
        expect: (bytes) => {
          near.expect(bytes)
        },
        all: () => near.all(),
        stop: () => near.stop(),
      },
      await dial(relay, 'websocket'),
    )
  }

  /** By WebTransport, from this page. */
  static async fromPage(relay: Relay, page: WebTransportPage): Promise<WayTo> {
    const near = await page.dial(await relay.webTransport())
    return new WayTo(relay, near, await dial(relay, 'websocket'))
  }

  /** Milliseconds of pings of the relay on one stream. */
  roundTrips(times: number): Promise<number[]> {
    return this.#near.roundTrips(times)
  }

  /**
   * So many bytes from the other one by a circuit and down this way, until all are here.
   * @returns how long it took, and for how long the relay was charged meanwhile, ms
   */
  async fetch(bytes: number): Promise<{ ms: number; relayMs: number }> {
    await this.#near.expect(bytes)
    const circuit = await this.#far.circuitTo(this.#near.peer)
    const charged = (): number => chargedTo(this.#relay.pid)?.ms ?? 0
    const startMs = performance.now()
    const before = charged()
    await Promise.all([write(circuit, bytes), this.#near.all()])
    const result = { ms: performance.now() - startMs, relayMs: charged() - before }
    circuit.abort(new Error('measured'))
    return result
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#near.stop(), this.#far.stop()])
  }
}

function dial({ port }: Relay, way: NodeWay): Promise<RelayClient> {
  const place = `/ip4/127.0.0.1/tcp/${port}`
  if (way === 'websocket') return RelayClient.dial(`${place}/ws`, webSockets())
  const mode = way.slice('http-'.length) as ConnectMode
  return RelayClient.dial(
    `${place}${connectSuffix(false, mode)}`,
    connectTransport({ clock: systemClock, random: systemRandom }),
  )
}
