import type { Connection, IdentifyResult } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { decodeConnectAddress } from '../../protocol/connect/addresses.ts'
import type { Clock, Logger } from '../../protocol/seams.ts'
import { networkOf, overHttp, peerOf, type RelayAddress, transportOf } from '../addresses.ts'
import { NotRunningError } from '../errors.ts'
import type { Node } from '../node.ts'
import type { Networks } from './networks.ts'
import { race } from './race.ts'
import { headStartMs, type Outcome, type RelayWay, scoreOf, tallied } from './tally.ts'

/** A connection that breaks before it is this old has not come through: some networks cut what they let begin. */
export const PROVEN_MS = 45_000

/** Addresses of one relay's WebTransport that are remembered: it may announce any number. */
export const MAX_ANNOUNCED = 4

const CUT: Outcome = { through: false, cut: true }

export interface WayFinderComponents {
  networks: Networks
  clock: Clock
  log: Logger
}

/**
 * Connects to a relay by whichever way the network lets through: the best of those known first, and others beside it
 * when it fails or is slow. What came of it is remembered for this network.
 */
export class WayFinder {
  readonly #components: WayFinderComponents
  #transports: TransportManager | null = null
  /** The way to a relay that broke soon: a network cuts it, if the relay is reached again at once. */
  readonly #cut = new Map<string, RelayWay>()
  /** Where each connection that was made here leads. */
  readonly #relays = new WeakMap<Connection, string>()

  constructor(components: WayFinderComponents) {
    this.#components = components
  }

  attach({ libp2p, transports }: Pick<Node, 'libp2p' | 'transports'>): void {
    this.#transports = transports
    libp2p.addEventListener('peer:identify', ({ detail }) => {
      const relay = this.#relays.get(detail.connection)
      if (relay !== undefined) this.#identified(relay, detail)
    })
  }

  detach(): void {
    this.#transports = null
    this.#cut.clear()
  }

  /** @throws NotRunningError, the signal's reason, the one way's error, or an AggregateError of all */
  async connect(to: RelayAddress, signal: AbortSignal): Promise<Connection> {
    const { networks, clock, log } = this.#components
    const relay = to.host
    const transports = this.#transports
    if (transports === null) throw new NotRunningError('the node is not running')
    const cut = this.#cut.get(relay)
    const ways = this.#waysTo(to, transports)
    this.#cut.delete(relay)
    const begun: RelayWay[] = []
    const runners = ways.map(({ way, addresses }) => ({
      headStartMs: headStartMs(networks.of(relay, way)),
      run: async (limit: AbortSignal) => {
        const beganAtMs = clock.now()
        begun.push(way)
        const connection = await dialAny(transports, addresses, limit)
        return { way, connection, openMs: clock.now() - beganAtMs }
      },
    }))
    const release = ({ connection }: { connection: Connection }): void => {
      connection.abort(new NotRunningError('another way was faster'))
    }
    const { way, connection, openMs } = await race(clock, runners, release, signal)
    if (cut !== undefined) networks.count({ relay, way: cut, outcome: CUT })
    // Where none comes through it may be the relay that is down: of the ways that says nothing.
    for (const beaten of begun.slice(0, begun.indexOf(way))) {
      log.info(`${beaten} to ${relay} did not come through, ${way} did`)
      networks.count({ relay, way: beaten, outcome: { through: false } })
    }
    const mode = decodeConnectAddress(connection.remoteAddr)?.mode ?? undefined
    networks.count({
      relay,
      way,
      outcome: { through: true, openMs, ...(mode !== undefined && { mode }) },
    })
    this.#relays.set(connection, relay)
    this.#watch(relay, way, connection)
    return connection
  }

  /** It says who it is, where else it is, and where it sees this device. */
  #identified(relay: string, { peerId, listenAddrs, observedAddr }: IdentifyResult): void {
    const { networks } = this.#components
    const network = observedAddr === undefined ? null : networkOf(observedAddr)
    if (network !== null) networks.on(network)
    const announced = listenAddrs
      .filter((each) => transportOf(each) === 'webtransport')
      .slice(0, MAX_ANNOUNCED)
      .map((each) => named(each, peerId.toString()).toString())
    networks.announce(relay, announced)
  }

  /** Each with where it leads, the best first. */
  #waysTo(
    { host, peer, multiaddrs }: RelayAddress,
    transports: TransportManager,
  ): { way: RelayWay; addresses: Multiaddr[] }[] {
    const { networks, clock } = this.#components
    const sockets = multiaddrs.filter((each) => transportOf(each) === 'websocket')
    const given = multiaddrs.filter((each) => transportOf(each) === 'webtransport')
    const announced = networks.announced(host).map((each) => multiaddr(each))
    const mode = networks.of(host, 'http')?.mode
    const inMode = mode === undefined ? [] : overHttp(sockets, mode)
    const ways: { way: RelayWay; addresses: Multiaddr[] }[] = [
      { way: 'websocket', addresses: sockets },
      { way: 'http', addresses: [...inMode, ...overHttp(sockets)] },
      { way: 'webtransport', addresses: [...given, ...announced] },
    ]
    const score = (way: RelayWay): number => {
      const tally = networks.of(host, way)
      const isCut = this.#cut.get(host) === way
      return scoreOf(
        way,
        isCut ? tallied(tally, { relay: host, way }, CUT, clock.now()) : tally,
        clock.now(),
      )
    }
    return ways
      .map(({ way, addresses }) => ({
        way,
        addresses: addresses
          .map((each) => (peer === null ? each : named(each, peer)))
          .filter((each) => transports.dialTransportForMultiaddr(each) !== undefined),
      }))
      .filter(({ addresses }) => addresses.length > 0)
      .toSorted((a, b) => score(b.way) - score(a.way))
  }

  /** One that breaks soon may be a way that does not come through. */
  #watch(relay: string, way: RelayWay, connection: Connection): void {
    const { clock } = this.#components
    const { open } = connection.timeline
    connection.addEventListener('close', ({ local, error }) => {
      const isCut = error !== undefined && local !== true
      if (!isCut || clock.now() - open >= PROVEN_MS) return
      this.#cut.set(relay, way)
    })
  }
}

/** One address after the other: they are spellings of one way. */
async function dialAny(
  transports: TransportManager,
  addresses: readonly Multiaddr[],
  signal: AbortSignal,
): Promise<Connection> {
  const errors: unknown[] = []
  for (const address of addresses) {
    try {
      return await transports.dial(address, { signal })
    } catch (error) {
      signal.throwIfAborted()
      errors.push(error)
    }
  }
  throw errors.length === 1 ? errors[0] : new AggregateError(errors, 'no address answered')
}

function named(address: Multiaddr, peer: string): Multiaddr {
  return peerOf(address) === null ? address.encapsulate(`/p2p/${peer}`) : address
}
