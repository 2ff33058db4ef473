import type { Connection, IdentifyResult } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import type { WayTally } from '../../db/schema.ts'
import { decodeConnectAddress } from '../../protocol/connect/addresses.ts'
import type { Clock, Logger } from '../../protocol/seams.ts'
import { networkOf, overHttp, peerOf, type RelayAddress, transportOf } from '../addresses.ts'
import type { RankedWay } from '../api.ts'
import { NotRunningError, SupersededError } from '../errors.ts'
import type { Node } from '../node.ts'
import type { Pinged } from '../ping.ts'
import type { Carried } from '../traffic.ts'
import type { Networks } from './networks.ts'
import { race } from './race.ts'
import { rankedWay } from './ranked-way.ts'
import { headStartMs, outdoes, type Outcome, type RelayWay, scoreOf, tallied } from './tally.ts'

/** A connection that breaks before it is this old has not come through: some networks cut what they let begin. */
export const PROVEN_MS = 45_000

/** What is asked so soon after much went over a connection waits behind more of it: late says nothing then. */
export const BUSY_MS = 10_000

/**
 * After a change of networks what is being opened may fail for no fault of its way: Chromium ends it when it learns of the change
 * (`ERR_NETWORK_CHANGED`), which is up to 0.4 s after it has told the page.
 */
export const MOVING_MS = 1_000

/** Addresses of one relay's WebTransport that are remembered: it may announce any number. */
export const MAX_ANNOUNCED = 4

const CUT: Outcome = { through: false, cut: true }

export interface WayFinderEvents {
  /** Something `ranked` tells has changed. */
  changed: CustomEvent
}

/** What is known of a connection that was made here. */
interface Made {
  /** Where it leads, and how. */
  relay: string
  way: RelayWay
  /** The network it was made on; null until the relay told. */
  network: string | null
  /** Whether it is known to work on the network this device is on: that may have changed. */
  isHere: boolean
  /** When much went over it last. */
  busyAtMs: number
}

interface WayTo {
  way: RelayWay
  /** Where it leads. */
  addresses: Multiaddr[]
  /** See `scoreOf`. */
  score: number
}

interface Opened {
  way: RelayWay
  connection: Connection
  /** How long that took. */
  openMs: number
}

export interface WayFinderComponents {
  networks: Networks
  clock: Clock
  log: Logger
}

/**
 * Connects to a relay by whichever way the network lets through: the best of those known first, and others beside it
 * when it fails or is slow. What came of it is remembered for this network.
 */
export class WayFinder extends TypedEventEmitter<WayFinderEvents> {
  readonly #components: WayFinderComponents
  #transports: TransportManager | null = null
  #movedAtMs = -Infinity
  /** The way to a relay that broke soon: a network cuts it, if the relay is reached again at once. */
  readonly #cut = new Map<string, RelayWay>()
  /** The connections made here that are open, by timeline: what is counted of one knows no more. */
  readonly #made = new Map<object, Made>()
  /** Relays that no way came through to when last tried. */
  readonly #down = new Set<string>()

  constructor(components: WayFinderComponents) {
    super()
    this.#components = components
  }

  attach({ libp2p, transports }: Pick<Node, 'libp2p' | 'transports'>): void {
    this.#transports = transports
    libp2p.addEventListener('peer:identify', ({ detail }) => {
      const made = this.#made.get(detail.connection.timeline)
      if (made !== undefined) this.#identified(made, detail)
    })
  }

  detach(): void {
    this.#transports = null
    this.#cut.clear()
    this.#down.clear()
    this.#made.clear()
  }

  /** It may be another network from now on: who did not answer on the last one may on this. */
  moved(): void {
    this.#components.networks.moved()
    this.#movedAtMs = this.#components.clock.now()
    this.#down.clear()
    for (const made of this.#made.values()) made.isHere = false
    this.safeDispatchEvent('changed')
  }

  /** A ping on any connection was answered or not: of those made here it tells how their way does. */
  pinged({ connection: { timeline }, isLate }: Pinged): void {
    const { networks, clock } = this.#components
    const made = this.#made.get(timeline)
    if (made === undefined) return
    if (!isLate && !made.isHere) {
      made.isHere = true
      // A socket holds to its address: one that answers is where it was made.
      if (made.way === 'websocket' && made.network !== null) networks.on(made.network)
    }
    const isBusy = clock.now() - made.busyAtMs < BUSY_MS
    if (isLate && (isBusy || !made.isHere)) return
    networks.measure(made.relay, made.way, { isLate })
    this.safeDispatchEvent('changed')
  }

  /** Much went over any connection for a while. */
  carried({ timeline, bytesPerSecond }: Carried): void {
    const { networks, clock } = this.#components
    const made = this.#made.get(timeline)
    if (made === undefined) return
    made.busyAtMs = clock.now()
    if (!made.isHere) return
    networks.measure(made.relay, made.way, { bytesPerSecond })
    this.safeDispatchEvent('changed')
  }

  /**
   * The ways to this relay, in the order they will be tried; none while the node does not run.
   *
   * @param connections to it, the one in use first
   */
  ranked(to: RelayAddress, connections: readonly Connection[]): RankedWay[] {
    const transports = this.#transports
    if (transports === null) return []
    const [used = null, ...spare] = connections.map(wayOf)
    const isDown = connections.length === 0 && this.#down.has(to.host)
    return this.#waysTo(to, transports).map(({ way, score }) => {
      const tally = this.#components.networks.of(to.host, way)
      return rankedWay({ way, score, tally, used, spare, isDown })
    })
  }

  /** @throws NotRunningError, the signal's reason, the one way's error, or an AggregateError of all */
  async connect(to: RelayAddress, signal: AbortSignal): Promise<Connection> {
    const { networks, log } = this.#components
    const relay = to.host
    const transports = this.#transports
    if (transports === null) throw new NotRunningError('the node is not running')
    const cut = this.#cut.get(relay)
    const ways = this.#waysTo(to, transports)
    this.#cut.delete(relay)
    const begun: RelayWay[] = []
    const racing = this.#race(relay, ways, transports, signal, (way) => begun.push(way))
    const opened = await racing.catch((error: unknown) => {
      // Who is connected after all says nothing of the ways.
      const isGivenUp = error instanceof SupersededError
      if (this.#transports === transports && !isGivenUp) this.#down.add(relay)
      this.safeDispatchEvent('changed')
      throw error
    })
    const { way, connection } = opened
    this.#down.delete(relay)
    if (cut !== undefined) networks.count({ relay, way: cut, outcome: CUT })
    // Where none comes through it may be the relay that is down: of the ways that says nothing.
    for (const beaten of begun.slice(0, begun.indexOf(way))) {
      log.info(`${beaten} to ${relay} did not come through, ${way} did`)
      networks.count({ relay, way: beaten, outcome: { through: false } })
    }
    this.#opened(relay, opened)
    return connection
  }

  /**
   * A second connection to a relay, by a better way than the one in use, whether that came through here or not, else by the best other
   * that did; null: there is none. What fails is held against no way: a relay may take no second one.
   *
   * @param used the connection there is
   * @param which `better`: by no other way
   * @throws NotRunningError, the signal's reason, the one way's error, or an AggregateError of all
   */
  async connectBeside(
    to: RelayAddress,
    used: Connection,
    which: 'any' | 'better',
    signal: AbortSignal,
  ): Promise<Connection | null> {
    const transports = this.#transports
    if (transports === null) throw new NotRunningError('the node is not running')
    const usedWay = wayOf(used)
    const others = this.#waysTo(to, transports).filter(({ way }) => {
      // Plain HTTP goes to the very server that WebSockets do, so both may be tried: what uses UDP may be seen elsewhere.
      const mayBeTried = way !== 'webtransport' || (this.#tally(to, way)?.tries ?? 0) > 0
      return way !== usedWay && mayBeTried
    })
    const better = others.filter(({ way }) => this.#outdoes(to, way, usedWay))
    const open = others.filter(({ way }) => this.#tally(to, way)?.blocked !== true)
    const chosen = better.length > 0 || which === 'better' ? better : open.slice(0, 1)
    if (chosen.length === 0) return null
    const opened = await this.#race(to.host, chosen, transports, signal)
    this.#opened(to.host, opened)
    return opened.connection
  }

  /** Whether a connection to a relay goes by a clearly better way than another one. */
  isBetter(to: RelayAddress, connection: Connection, than: Connection): boolean {
    const way = wayOf(connection)
    return way !== null && this.#outdoes(to, way, wayOf(than))
  }

  /** A connection by this way has lasted, and is used instead of another: the next start begins with it. */
  lasted({ host: relay }: RelayAddress, connection: Connection): void {
    const way = wayOf(connection)
    if (way === null) return
    const outcome = { through: true, openMs: null, lasted: true, ...modeOf(connection) } as const
    this.#components.networks.count({ relay, way, outcome })
    this.safeDispatchEvent('changed')
  }

  #tally({ host }: RelayAddress, way: RelayWay): WayTally | undefined {
    return this.#components.networks.of(host, way)
  }

  #outdoes(to: RelayAddress, way: RelayWay, than: RelayWay | null): boolean {
    if (than === null) return false
    const [a, b] = [way, than].map((each) => ({ way: each, tally: this.#tally(to, each) }))
    return outdoes(a!, b!, this.#components.clock.now())
  }

  /** @param onBegun told of each way that is begun with */
  #race(
    relay: string,
    ways: readonly WayTo[],
    transports: TransportManager,
    signal: AbortSignal,
    onBegun: (way: RelayWay) => void = () => undefined,
  ): Promise<Opened> {
    const { networks, clock } = this.#components
    const runners = ways.map(({ way, addresses }) => ({
      headStartMs: headStartMs(networks.of(relay, way)),
      run: async (limit: AbortSignal) => {
        let beganAtMs = 0
        onBegun(way)
        const dial = (): Promise<Connection> => {
          beganAtMs = clock.now()
          return dialAny(transports, addresses, limit)
        }
        const connection = await dial().catch((error: unknown) => {
          const isMoving = clock.now() - this.#movedAtMs < MOVING_MS
          if (!isMoving || limit.aborted) throw error
          return dial()
        })
        return { way, connection, openMs: clock.now() - beganAtMs }
      },
    }))
    const release = ({ connection }: Opened): void => {
      connection.abort(new NotRunningError('another way was faster'))
    }
    return race(clock, runners, release, signal)
  }

  /** A way came through. */
  #opened(relay: string, { way, connection, openMs }: Opened): void {
    const { networks } = this.#components
    const mode = modeOf(connection)
    // Next time it is the first one tried, and takes no time to be found.
    const wasFound = mode.mode !== networks.of(relay, way)?.mode
    const outcome = { through: true, openMs: wasFound ? null : openMs, ...mode } as const
    networks.count({ relay, way, outcome })
    this.#watch(relay, way, connection)
    this.safeDispatchEvent('changed')
  }

  /** It says who it is, where else it is, and where it sees this device. */
  #identified(made: Made, { peerId, listenAddrs, observedAddr }: IdentifyResult): void {
    const { networks } = this.#components
    const { relay } = made
    const network = observedAddr === undefined ? null : networkOf(observedAddr)
    if (network !== null) networks.on(network)
    made.network = network
    const announced = listenAddrs
      .filter((each) => transportOf(each) === 'webtransport')
      .slice(0, MAX_ANNOUNCED)
      .map((each) => named(each, peerId.toString()).toString())
    networks.announce(relay, announced)
    this.safeDispatchEvent('changed')
  }

  /** The best first. */
  #waysTo({ host, peer, multiaddrs }: RelayAddress, transports: TransportManager): WayTo[] {
    const { networks, clock } = this.#components
    const sockets = multiaddrs.filter((each) => transportOf(each) === 'websocket')
    const given = multiaddrs.filter((each) => transportOf(each) === 'webtransport')
    const announced = networks.announced(host).map((each) => multiaddr(each))
    const mode = networks.of(host, 'http')?.mode
    const inMode = mode === undefined ? [] : overHttp(sockets, mode)
    const ways: Omit<WayTo, 'score'>[] = [
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
        score: score(way),
        addresses: addresses
          .map((each) => (peer === null ? each : named(each, peer)))
          .filter((each) => transports.dialTransportForMultiaddr(each) !== undefined),
      }))
      .filter(({ addresses }) => addresses.length > 0)
      .toSorted((a, b) => b.score - a.score)
  }

  /** One that breaks soon may be a way that does not come through. */
  #watch(relay: string, way: RelayWay, connection: Connection): void {
    const { clock } = this.#components
    const { timeline } = connection
    const { open } = timeline
    const made = { relay, way, network: null, isHere: true, busyAtMs: -Infinity }
    this.#made.set(timeline, made)
    connection.addEventListener('close', ({ local, error }) => {
      this.#made.delete(timeline)
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

function wayOf({ remoteAddr }: Connection): RelayWay | null {
  const transport = transportOf(remoteAddr)
  if (transport.startsWith('http-')) return 'http'
  return transport === 'websocket' || transport === 'webtransport' ? transport : null
}

/** Over HTTP: the mode that goes. */
function modeOf({ remoteAddr }: Connection): Pick<WayTally, 'mode'> {
  const mode = decodeConnectAddress(remoteAddr)?.mode ?? null
  return mode === null ? {} : { mode }
}

function named(address: Multiaddr, peer: string): Multiaddr {
  return peerOf(address) === null ? address.encapsulate(`/p2p/${peer}`) : address
}
