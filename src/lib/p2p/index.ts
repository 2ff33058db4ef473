import type { Connection } from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import type { NodeIdentity } from '../crypto/api.ts'
import type { PeerIdString } from '../protocol/ids.ts'
import type { Question } from '../protocol/question.ts'
import type { Clock, Loggers, Random } from '../protocol/seams.ts'
import {
  byWebSocket,
  circuitAddress,
  isRelayed,
  parseRelayAddress,
  transportOf,
  webRtcAddress,
} from './addresses.ts'
import type {
  Channels,
  LinkInfo,
  Network,
  NetworkEvents,
  NodeState,
  PagesInSight,
  P2P,
  Peers,
  RankedWay,
  RelayCheck,
  RelayStatus,
  WebRtcBridge,
  WakeReason,
  WayTried,
} from './api.ts'
import { askRelay } from './ask-relay.ts'
import { NotRunningError, UnreachableError } from './errors.ts'
import { LinkChannels } from './channels/channels.ts'
import { Discovery } from './discovery/discovery.ts'
import { Publisher } from './discovery/publisher.ts'
import type { PeerRecordStore } from './discovery/record-store.ts'
import { Keeper } from './keeper/keeper.ts'
import { type Link, Links } from './keeper/links.ts'
import { Silence } from './keeper/silence.ts'
import { browserTransports, createNode, type Node } from './node.ts'
import { Pinger } from './ping.ts'
import { RelayBook } from './relay-book/relay-book.ts'
import type { RelayStore } from './relay-book/store.ts'
import { wasMet } from './rendezvous/met.ts'
import { HideableBridge } from './rtc/hideable-bridge.ts'
import { probeIce } from './rtc/ice-probe.ts'
import { IceServers } from './rtc/ice-servers.ts'
import { Sleep } from './sleep.ts'
import { Traffic } from './traffic.ts'
import { Networks } from './ways/networks.ts'
import type { NetworkStore } from './ways/store.ts'
import { announcedWebTransport, tryWays } from './ways/try-ways.ts'
import { WayFinder } from './ways/way-finder.ts'

export interface P2PInit {
  /** Origin of the page, whose server is the first relay; null where there is none. */
  origin: string | null
  /** The ways out, the circuit relay excepted. Default: all a browser has (`browserTransports`). */
  transports?: typeof browserTransports
}

export interface P2PComponents {
  identity: NodeIdentity
  clock: Clock
  random: Random
  loggers: Loggers
  relays: RelayStore
  networks: NetworkStore
  records: PeerRecordStore
  bridge: WebRtcBridge
  /** Null: it has none, and serves whoever started it. */
  pages: PagesInSight | null
}

/** The node of one identity: peers kept connected, channels to them, and a view of it all. */
export function p2p(init: P2PInit): (components: P2PComponents) => P2P {
  return (components) => new StarlingNode(init, components)
}

class StarlingNode extends TypedEventEmitter<NetworkEvents> implements P2P, Network {
  readonly #init: P2PInit
  readonly #components: P2PComponents
  readonly #links: Links
  readonly #relays: RelayBook
  readonly #discovery: Discovery
  readonly #publisher: Publisher
  readonly #keeper: Keeper
  readonly #channels: LinkChannels
  readonly #bridge: HideableBridge
  readonly #iceServers: IceServers
  readonly #pinger: Pinger
  readonly #networks: Networks
  readonly #ways: WayFinder
  readonly #traffic: Traffic
  readonly #sleep: Sleep
  readonly #browser = { offline: false, hidden: false }
  #node: Node | null = null
  /** Start and stop, one after the other. */
  #turn: Promise<void> = Promise.resolve()

  constructor(init: P2PInit, components: P2PComponents) {
    super()
    this.#init = init
    this.#components = components
    const { identity, clock, random, loggers, records } = components
    const self = identity.peer
    components.pages?.addEventListener('changed', () => {
      this.#look()
    })
    const bridge = new HideableBridge(components.bridge)
    const pinger = new Pinger(clock)
    const browser = this.#browser
    const log = loggers('relays')
    this.#networks = new Networks({ store: components.networks, clock, log })
    this.#ways = new WayFinder({ networks: this.#networks, clock, log })
    this.#traffic = new Traffic(clock)
    this.#sleep = new Sleep(clock, () => {
      // Else whoever comes back to sight, or the network, wakes it.
      const { offline, hidden } = this.#browser
      if (!offline && !hidden) void this.wake('resume')
    })
    pinger.addEventListener('pinged', ({ detail }) => {
      this.#ways.pinged(detail)
    })
    this.#traffic.addEventListener('carried', ({ detail }) => {
      this.#ways.carried(detail)
    })
    const links = new Links({ self, clock, log: loggers('links') })
    const relays = new RelayBook(
      { store: components.relays, ways: this.#ways, links, pinger, browser, clock, random, log },
      { origin: init.origin },
    )
    const discovery = new Discovery({ relays, records, clock, random, log: loggers('discovery') })
    this.#bridge = bridge
    this.#pinger = pinger
    this.#relays = relays
    this.#links = links
    this.#discovery = discovery
    this.#publisher = new Publisher({ identity, relays, clock, random, log: loggers('discovery') })
    const ways = { links, relays, discovery, bridge, traffic: this.#traffic }
    this.#keeper = new Keeper({
      self,
      ...ways,
      pinger,
      browser,
      clock,
      random,
      log: loggers('keeper'),
    })
    const doubt = (link: Link): void => {
      this.#keeper.doubt(link)
    }
    const silence = new Silence({ links, traffic: this.#traffic, clock, doubt })
    this.#channels = new LinkChannels({
      self,
      links,
      clock,
      random,
      log: loggers('channels'),
      doubt,
      sent: (link) => {
        silence.sent(link)
      },
      openLane: (peer, signal) => this.#keeper.openLane(peer, signal),
    })
    const changed = (): void => {
      this.safeDispatchEvent('changed')
    }
    relays.addEventListener('changed', changed)
    this.#ways.addEventListener('changed', changed)
    this.#iceServers = new IceServers({
      clock,
      log: loggers('ice'),
      connections: () => relays.reservedConnections(),
    })
    relays.addEventListener('reserved', ({ detail: relay }) => {
      this.#iceServers.learn(relay)
      void this.#provenOnline()
    })
    bridge.addEventListener('changed', changed)
    links.addEventListener('opened', ({ detail: { connection } }) => {
      changed()
      void this.#measure(connection)
    })
    links.addEventListener('closed', changed)
    links.addEventListener('counts', changed)
  }

  get peers(): Peers {
    return this.#keeper
  }

  get channels(): Channels {
    return this.#channels
  }

  get network(): Network {
    return this
  }

  get peer(): PeerIdString {
    return this.#components.identity.peer
  }

  get state(): NodeState {
    return this.#relays.state
  }

  get webrtc(): boolean {
    return this.#bridge.available
  }

  hideAddress(hidden: boolean): void {
    this.#bridge.hidden = hidden
    if (!hidden) return
    for (const { connection } of this.#links.all()) {
      if (transportOf(connection.remoteAddr) === 'webrtc') connection.abort(hiddenError())
    }
  }

  /** Resolves once the node runs; relays are reserved and peers dialled from then on. */
  start(): Promise<void> {
    return this.#inTurn(() => this.#start())
  }

  stop(): Promise<void> {
    return this.#inTurn(() => this.#stop())
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work)
    // How it ended is told to its own caller.
    this.#turn = done.catch(() => undefined)
    return done
  }

  addresses(): string[] {
    return this.#relays
      .reservedConnections()
      .map(({ remoteAddr }) => byWebSocket(remoteAddr))
      .flatMap((relay) => [
        circuitAddress(relay, this.peer).toString(),
        ...(this.webrtc ? [webRtcAddress(relay, this.peer).toString()] : []),
      ])
  }

  links(): LinkInfo[] {
    return this.#links.all().map(({ id, peer, path, openedAtMs, connection }) => ({
      id,
      peer,
      relay: this.#relays.hostOf(peer),
      path,
      transport: wasMet(connection) ? 'rendezvous' : transportOf(connection.remoteAddr),
      address: connection.remoteAddr.toString(),
      direction: connection.direction,
      openedAtMs,
      latencyMs: connection.rtt ?? null,
      ...this.#traffic.of(connection),
    }))
  }

  relays(): RelayStatus[] {
    return this.#relays.statuses()
  }

  ways(relay: string): RankedWay[] {
    return this.#ways.ranked(parseRelayAddress(relay), this.#connectionsTo(relay))
  }

  addRelay(address: string): Promise<string> {
    return this.#relays.add(address)
  }

  removeRelay(address: string): Promise<void> {
    return this.#relays.remove(address)
  }

  preferRelay(address: string, preferred: boolean): Promise<void> {
    return this.#relays.prefer(address, preferred)
  }

  measureRelays(): Promise<void> {
    return this.#relays.measure()
  }

  async *tryWays(signal: AbortSignal): AsyncGenerator<WayTried[], void> {
    const node = this.#node
    if (node === null) throw new NotRunningError('the node is not running')
    const { clock } = this.#components
    const relays = this.#relays
      .statuses()
      .toSorted((a, b) => Number(b.state === 'reserved') - Number(a.state === 'reserved'))
      .map(({ address }) => ({
        address: parseRelayAddress(address),
        webTransport: () => announcedWebTransport(node.libp2p, this.#connectionTo(address)),
        iceServers: async () => {
          const connection = this.#connectionTo(address)
          return this.webrtc && connection !== undefined ? this.#iceServers.of(connection) : []
        },
      }))
    yield* tryWays(
      {
        dial: async ({ text }, addresses, limit) => {
          const dialled = node.libp2p.dial(addresses, { force: true, signal: limit })
          const peer = this.#relayAt(text)
          if (peer !== null) await this.#links.aside(peer, 'direct', () => dialled)
          return await dialled
        },
        release: (connection) => {
          // What was dialled for good at the same moment got the same connection: an only one stays.
          const isOnly = node.libp2p
            .getConnections(connection.remotePeer)
            .every(
              ({ id, remoteAddr, status }) =>
                id === connection.id || isRelayed(remoteAddr) || status !== 'open',
            )
          if (!isOnly) connection.close().catch(() => undefined)
        },
        pinger: this.#pinger,
        probe: (server, limit) => probeIce({ clock }, server, limit),
        clock,
      },
      relays,
      signal,
    )
  }

  checkRelay(address: string, options?: { signal?: AbortSignal }): Promise<RelayCheck> {
    return this.#relays.check(address, options?.signal)
  }

  async askRelay<Request, Response>(
    relay: string,
    question: Question<Request, Response>,
    request: Request,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<Response> {
    const connection = await this.#relays.connect(relay, signal)
    return await askRelay(connection, question, request, this.#components.clock, signal)
  }

  async wake(sign: WakeReason): Promise<void> {
    this.#browser.offline = false
    if (this.#node === null) return
    // A page that comes back to sight may have been asleep with all the device.
    const reason = this.#sleep.woke() && sign !== 'online' ? 'resume' : sign
    this.#components.loggers('keeper').debug(`woken: ${reason}`)
    this.safeDispatchEvent('woken')
    if (reason !== 'asked') this.#ways.moved()
    this.#discovery.wake()
    this.#relays.wake(reason === 'online' || reason === 'resume')
    await this.#keeper.wake(reason)
  }

  async rest(): Promise<void> {
    this.#browser.offline = true
    this.safeDispatchEvent('changed')
    if (this.#node === null) return
    this.#components.loggers('keeper').debug('the browser is offline')
    await this.#keeper.testAll()
    if (this.#relays.reservedHosts().length > 0) await this.#provenOnline()
  }

  /** Who comes back wakes it besides. */
  #look(): void {
    const { pages } = this.#components
    this.#browser.hidden = pages?.inSight === false
    if (this.#browser.hidden) this.#relays.hide()
  }

  /** The relay of mine that is listed by this address; null: it was never reached, or is none of mine. */
  #relayAt(address: string): PeerIdString | null {
    return this.#relays.statuses().find((each) => each.address === address)?.peer ?? null
  }

  #connectionTo(address: string): Connection | undefined {
    return this.#connectionsTo(address)[0]
  }

  #connectionsTo(address: string): Connection[] {
    const relay = this.#relayAt(address)
    const all = this.#node?.libp2p.getConnections() ?? []
    return all.filter(
      ({ remoteAddr, status, remotePeer }) =>
        !isRelayed(remoteAddr) && status === 'open' && remotePeer.toString() === relay,
    )
  }

  /** A browser calls itself offline when all it reaches is its own machine; a relay there serves all the same. */
  async #provenOnline(): Promise<void> {
    if (this.#browser.offline) await this.wake('online')
  }

  async #measure(connection: Connection): Promise<void> {
    try {
      await this.#pinger.ping(connection)
      this.safeDispatchEvent('changed')
    } catch (error) {
      this.#components.loggers('links').debug(`a connection was not measured: ${String(error)}`)
    }
  }

  async #start(): Promise<void> {
    if (this.#node !== null) return
    const { identity, loggers, clock } = this.#components
    const node = await createNode(
      {
        privateKey: identity.libp2pKey(),
        loggers,
        gater: this.#keeper.gater,
        traffic: this.#traffic,
        dht: { clock },
      },
      (this.#init.transports ?? browserTransports)(
        (peer) => !this.#bridge.hidden && this.#keeper.mayMeet(peer),
        async () => {
          // Each connection is made with this, whoever begins it: none is while nobody is to see the address.
          if (this.#bridge.hidden) throw hiddenError()
          return await this.#iceServers.configuration()
        },
        {
          ...this.#components,
          onAssisted: (assisted) => {
            this.#discovery.hear(assisted)
            this.#iceServers.hear(assisted)
          },
        },
      ),
    )
    this.#links.attach(node.libp2p)
    await this.#channels.attach(node)
    await node.libp2p.start()
    this.#node = node
    this.#iceServers.start()
    await this.#networks.open()
    this.#ways.attach(node)
    this.#look()
    this.#discovery.attach(node)
    this.#publisher.start()
    await this.#relays.attach(node)
    this.#keeper.attach(node)
    this.#sleep.start()
  }

  async #stop(): Promise<void> {
    const node = this.#node
    if (node === null) return
    this.#node = null
    this.#sleep.stop()
    this.#keeper.detach()
    this.#publisher.stop()
    this.#discovery.detach()
    this.#iceServers.stop()
    this.#relays.detach()
    this.#ways.detach()
    await this.#channels.detach()
    await node.dht.stop()
    await node.libp2p.stop()
    this.#links.detach()
    this.safeDispatchEvent('changed')
  }
}

function hiddenError(): UnreachableError {
  return new UnreachableError('this device shows its address to nobody')
}
