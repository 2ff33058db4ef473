import type { Connection, ConnectionGater, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import { isPeerId, type PeerIdString } from '../../protocol/ids.ts'
import { rendezvousAddress } from '../../protocol/rendezvous/addresses.ts'
import type { Clock, Logger, Random } from '../../protocol/seams.ts'
import { circuitAddress, peerOf, relayPartOf, transportOf } from '../addresses.ts'
import type {
  BrowserNetwork,
  PeerPath,
  Peers,
  PeersEvents,
  Purpose,
  WakeReason,
  WebRtcBridge,
} from '../api.ts'
import { Backoff } from '../backoff.ts'
import { NoAnswerError, SupersededError, UnreachableError } from '../errors.ts'
import type { Discovery } from '../discovery/discovery.ts'
import type { Node } from '../node.ts'
import type { Pinger } from '../ping.ts'
import type { RelayBook } from '../relay-book/relay-book.ts'
import type { Traffic } from '../traffic.ts'
import { BetterRelay } from './better-relay.ts'
import type { Link, Links } from './links.ts'
import { Upgrader } from './upgrader.ts'

/** Peers dialled at once. */
export const MAX_DIALS = 8

/** One attempt to reach a peer over everything known about it. */
export const ATTEMPT_TIMEOUT_MS = 45_000

/** A connection whose peer neither answers a ping nor sends anything else for this long is dead, when there is doubt. */
export const WAKE_PING_TIMEOUT_MS = 3_000

/** The least it is waited for instead, where something speaks for its death; on a long path so many round trips. */
export const MOVED_PING_TIMEOUT_MS = 1_000
const MOVED_ROUND_TRIPS = 4

/** Whoever sends, but has answered none of so many, is no more use. */
export const MAX_PINGS_IN_DOUBT = 20

/** Round trips from which on one connection carries less than the line may: below, more would only cost. */
export const LONG_PATH_MS = 30

/** So many round trips must be long in a row: a busy device makes one long where the path is short. */
const LONG_PATH_LOOKS = 3

/** From one rendezvous with a peer to the next try. */
export const RENDEZVOUS_PAUSE_MS = 60_000

/** One circuit over a better way to its relay, beside the one there is. */
export const FOLLOW_TIMEOUT_MS = 10_000

/** Peers connected at once that came by themselves and are not wanted. */
export const MAX_STRANGERS = 64

export interface KeeperComponents {
  self: PeerIdString
  links: Links
  relays: RelayBook
  discovery: Discovery
  bridge: WebRtcBridge
  pinger: Pinger
  traffic: Pick<Traffic, 'of'>
  browser: BrowserNetwork
  clock: Clock
  random: Random
  log: Logger
}

interface Want {
  peer: PeerIdString
  purposes: Map<Purpose, { hints: readonly string[]; directly: boolean }>
  backoff: Backoff
  cancelTimer: (() => void) | null
  controller: AbortController | null
  /** Something changed while it was being dialled: dial again at once. */
  again: boolean
  /** When a rendezvous was last tried. */
  metAtMs: number
}

/**
 * Keeps connected to the peers that are wanted.
 *
 * A peer is reached through a relay first, which works wherever a relay does, and then directly. Attempts that
 * fail are repeated with full jitter from 1 s to 5 min, and at once when something speaks for success: the
 * person is back, a relay is, the bridge is, or the peer itself knocks.
 */
export class Keeper extends TypedEventEmitter<PeersEvents> implements Peers {
  readonly #components: KeeperComponents
  readonly #upgrader: Upgrader
  readonly #betterRelay: BetterRelay
  readonly #wants = new Map<PeerIdString, Want>()
  readonly #denied = new Set<PeerIdString>()
  readonly #queue: Want[] = []
  #node: Node | null = null
  #dialling = 0

  constructor(components: KeeperComponents) {
    super()
    this.#components = components
    this.#upgrader = new Upgrader({ ...components, wanted: (peer) => this.mayMeet(peer) })
    this.#betterRelay = new BetterRelay({
      ...components,
      hints: (peer) => {
        const want = this.#wants.get(peer)
        return want === undefined ? null : hintsOf(want)
      },
    })
    components.links.addEventListener('path', (event) => {
      this.#pathChanged(event.detail)
    })
    components.relays.addEventListener('reserved', () => {
      this.#retryAll()
    })
    components.relays.addEventListener('moved', ({ detail: { connection, from } }) => {
      void this.#follow(connection)
      if (from === 'the dead') void this.testAll(true)
    })
    components.bridge.addEventListener('changed', () => {
      this.#upgrader.bridgeChanged()
    })
    components.bridge.addEventListener('unsteady', () => {
      // Which one is known to libp2p's transport alone; a ping on each costs less than to find out.
      for (const link of components.links.all()) {
        if (transportOf(link.connection.remoteAddr) === 'webrtc') this.doubt(link)
      }
    })
    components.links.addEventListener('opened', () => {
      this.#boundStrangers()
    })
    for (const type of ['opened', 'closed'] as const) {
      components.links.addEventListener(type, ({ detail: link }) => {
        if (link.path !== 'relayed') return
        // Another connection over the same one to the relay ends with it, now: of a stream that began on it yamux throws at nobody.
        queueMicrotask(() => {
          this.#doubtDirect(link.peer, type === 'opened')
        })
      })
    }
  }

  /** Refuses denied peers wherever libp2p asks. */
  readonly gater: ConnectionGater = {
    // A browser's default gater refuses ws:// and private addresses; a relay at home is both.
    denyDialMultiaddr: () => false,
    denyDialPeer: (peer) => this.#denies(peer),
    denyInboundRelayedConnection: (_relay, peer) => this.#denies(peer),
    denyInboundEncryptedConnection: (peer) => this.#denies(peer),
    denyInboundUpgradedConnection: (peer) => this.#denies(peer),
  }

  attach(node: Node): void {
    this.#node = node
    this.#upgrader.attach(node)
    this.#betterRelay.attach(node)
    this.#retryAll()
  }

  detach(): void {
    this.#node = null
    this.#upgrader.detach()
    this.#betterRelay.detach()
    for (const want of this.#wants.values()) this.#rest(want)
    this.#queue.length = 0
  }

  path(peer: PeerIdString): PeerPath {
    return this.#components.links.path(peer)
  }

  want(
    peer: PeerIdString,
    relays: readonly string[] = [],
    how: 'directly' | 'relayed' = 'directly',
    by: Purpose = 'contact',
  ): void {
    if (peer === this.#components.self) return
    const want = this.#wants.get(peer) ?? this.#newWant(peer)
    want.purposes.set(by, { hints: [...relays], directly: how === 'directly' })
    this.#retry(want)
    this.#upgrader.consider(peer)
  }

  /** Whether a direct connection is made with this peer, or taken from it. */
  mayMeet(peer: PeerId | PeerIdString): boolean {
    const wants: ReadonlyMap<string, Want> = this.#wants
    const purposes = wants.get(peer.toString())?.purposes.values() ?? []
    return [...purposes].some(({ directly }) => directly)
  }

  unwant(peer: PeerIdString, by: Purpose = 'contact'): void {
    const want = this.#wants.get(peer)
    if (want === undefined) return
    want.purposes.delete(by)
    if (want.purposes.size > 0) return
    this.#wants.delete(peer)
    this.#rest(want)
    // A relay may hold a reservation for me; a connection to it that serves nothing is closed by who dialled it.
    if (this.#components.relays.hostOf(peer) !== null) return
    this.#components.links.drop(peer, new UnreachableError('no longer wanted'))
  }

  deny(peer: PeerIdString): void {
    this.#denied.add(peer)
    const want = this.#wants.get(peer)
    if (want !== undefined) this.#rest(want)
    this.#components.links.drop(peer, new UnreachableError('denied'))
  }

  allow(peer: PeerIdString): void {
    if (!this.#denied.delete(peer)) return
    const want = this.#wants.get(peer)
    if (want !== undefined) this.#retry(want)
  }

  myRelays(): string[] {
    return this.#components.relays.reservedHosts()
  }

  /** Ends connections that do not answer, sooner where the network may be another, then tries everything that waits. */
  async wake(reason: WakeReason): Promise<void> {
    await this.testAll(reason === 'online')
    this.#retryAll()
    this.#upgrader.retry()
  }

  /** Ends connections that do not answer. @param moved something speaks for it that they are dead */
  async testAll(moved = false): Promise<void> {
    const links = this.#components.links.all()
    await Promise.all(links.map(({ connection }) => this.#test(connection, moved)))
  }

  /** One more direct connection with who has one already; null where none can be had, or the path is short. */
  async openLane(peer: PeerIdString, signal: AbortSignal): Promise<Link | null> {
    const best = this.#components.links.best(peer)
    if (best?.path !== 'direct' || !this.mayMeet(peer)) return null
    try {
      const short = await this.#isShort(best.connection)
      return short ? null : await this.#upgrader.openLane(peer, signal)
    } catch {
      return null
    }
  }

  /** Whether a round trip is short when nothing is in the way, as it was the last time, or is now and then. */
  async #isShort(connection: Connection): Promise<boolean> {
    if ((connection.rtt ?? Infinity) < LONG_PATH_MS) return true
    for (let looks = 0; looks < LONG_PATH_LOOKS; looks += 1) {
      if ((await this.#components.pinger.ping(connection)) < LONG_PATH_MS) return true
    }
    return false
  }

  /** Ends this connection unless its peer answers soon. */
  doubt({ connection }: Link): void {
    void this.#test(connection, false)
  }

  /**
   * A peer that was started anew comes through a relay first, and one that dies is gone from its relay at once;
   * a direct connection by itself shows neither for a long time.
   */
  #doubtDirect(peer: PeerIdString, moved: boolean): void {
    const best = this.#components.links.best(peer)
    if (this.#node !== null && best?.path === 'direct') void this.#test(best.connection, moved)
  }

  /** An answer may wait behind much else: who is heard meanwhile is asked again. */
  async #test(connection: Connection, moved: boolean): Promise<void> {
    const { pinger, traffic } = this.#components
    const limitMs = moved ? movedLimitMs(connection) : WAKE_PING_TIMEOUT_MS
    for (let left = MAX_PINGS_IN_DOUBT; connection.status === 'open'; left -= 1) {
      const { bytesIn } = traffic.of(connection)
      try {
        await pinger.ping(connection, limitMs)
        return
      } catch (error) {
        if (left > 1 && traffic.of(connection).bytesIn > bytesIn) continue
        connection.abort(error instanceof Error ? error : new NoAnswerError('no answer'))
      }
    }
  }

  /**
   * This relay is used over another connection: whoever is reached through it is dialled over that one, beside the circuit there
   * is, which goes when its successor counts.
   */
  async #follow({ remotePeer, remoteAddr }: Connection): Promise<void> {
    const { links } = this.#components
    const through = links.all().filter(({ path, aside, connection }) => {
      const relay = path === 'relayed' && !aside ? relayPartOf(connection.remoteAddr) : null
      return relay !== null && peerOf(relay) === remotePeer.toString()
    })
    // Those who have nothing else first.
    const inUse = (link: Link): number => Number(links.best(link.peer) === link)
    const queue = through.toSorted((a, b) => inUse(b) - inUse(a))
    const work = async (): Promise<void> => {
      for (let link = queue.shift(); link !== undefined; link = queue.shift()) {
        await this.#dialBeside(link, circuitAddress(remoteAddr, link.peer))
      }
    }
    await Promise.all(Array.from({ length: MAX_DIALS }, work))
  }

  async #dialBeside({ peer, connection }: Link, address: Multiaddr): Promise<void> {
    const { log, clock } = this.#components
    if (this.#node === null || connection.status !== 'open') return
    const limit = new AbortController()
    const cancel = clock.after(FOLLOW_TIMEOUT_MS, () => {
      limit.abort(new NoAnswerError('no second circuit in time'))
    })
    try {
      await this.#node.libp2p.dial(address, { signal: limit.signal, force: true })
    } catch (error) {
      log.debug(`${peer} stays on the circuit there is: ${String(error)}`)
    } finally {
      cancel()
    }
  }

  /** Of too many the one who came first goes: to ask takes a moment, and who stays silent keeps nobody out. */
  #boundStrangers(): void {
    const strangers = this.#components.links
      .all()
      .filter(
        ({ peer, connection }) => connection.direction === 'inbound' && !this.#wants.has(peer),
      )
      .toSorted((a, b) => a.openedAtMs - b.openedAtMs)
    for (const { connection } of strangers.slice(0, -MAX_STRANGERS)) {
      connection.abort(new SupersededError('the place of a stranger goes to the next'))
    }
  }

  #denies(peer: PeerId): boolean {
    // Widened, because libp2p's ids may be of any key; only ours are ever in the set.
    const denied: ReadonlySet<string> = this.#denied
    return denied.has(peer.toString())
  }

  #pathChanged(detail: { peer: PeerIdString; path: PeerPath }): void {
    const want = this.#wants.get(detail.peer)
    if (want !== undefined) {
      if (detail.path === 'offline') this.#later(want)
      else {
        want.backoff.reset()
        want.cancelTimer?.()
        want.cancelTimer = null
      }
    }
    this.safeDispatchEvent('path', { detail })
  }

  #newWant(peer: PeerIdString): Want {
    const want: Want = {
      peer,
      purposes: new Map(),
      backoff: new Backoff(this.#components.random, { firstMs: 1_000, maxMs: 5 * 60_000 }),
      cancelTimer: null,
      controller: null,
      again: false,
      metAtMs: -Infinity,
    }
    this.#wants.set(peer, want)
    return want
  }

  #retryAll(): void {
    for (const want of this.#wants.values()) this.#retry(want)
  }

  /** Dials now, if there is anything to gain. */
  #retry(want: Want): void {
    want.backoff.reset()
    if (want.controller !== null) want.again = true
    else this.#enqueue(want)
  }

  #enqueue(want: Want): void {
    want.cancelTimer?.()
    want.cancelTimer = null
    if (!this.#queue.includes(want)) this.#queue.push(want)
    this.#next()
  }

  #next(): void {
    while (this.#node !== null && this.#dialling < MAX_DIALS) {
      const want = this.#queue.shift()
      if (want === undefined) return
      if (this.#isDue(want)) void this.#dial(this.#node, want)
    }
  }

  #isDue(want: Want): boolean {
    return (
      this.#wants.get(want.peer) === want &&
      want.controller === null &&
      !this.#denied.has(want.peer) &&
      this.path(want.peer) === 'offline'
    )
  }

  async #dial(node: Node, want: Want): Promise<void> {
    const { clock, log } = this.#components
    const controller = new AbortController()
    want.controller = controller
    want.again = false
    this.#dialling += 1
    const cancelLimit = clock.after(ATTEMPT_TIMEOUT_MS, () => {
      controller.abort(new UnreachableError('nothing led to the peer in time'))
    })
    try {
      await this.#reach(node, want, controller.signal)
    } catch (error) {
      const attempt = want.backoff.attempts + 1
      log.debug(`${want.peer} not reached, attempt ${attempt}: ${String(error)}`)
    } finally {
      cancelLimit()
      if (want.controller === controller) want.controller = null
      this.#dialling -= 1
    }
    this.#dialled(want)
    this.#next()
  }

  #dialled(want: Want): void {
    if (!this.#isDue(want)) return
    if (want.again) this.#enqueue(want)
    else this.#later(want)
  }

  /** Goes through the relays the peer may be at, the likeliest first. */
  async #reach(node: Node, want: Want, signal: AbortSignal): Promise<void> {
    const tried = new Set<string>()
    const { discovery } = this.#components
    for await (const relays of discovery.relaysOf(want.peer, hintsOf(want), signal)) {
      const fresh = relays.filter((relay) => !tried.has(relay))
      for (const relay of fresh) tried.add(relay)
      if (fresh.length === 0) continue
      if (await this.#reachThrough(node, want, fresh, signal)) return
      signal.throwIfAborted()
    }
    throw new UnreachableError(
      tried.size === 0 ? 'no relay of it is known' : 'at none of its relays',
    )
  }

  /** Whether the peer was reached through one of these; all are tried at once, the first one wins. */
  async #reachThrough(
    node: Node,
    want: Want,
    relays: string[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { peer } = want
    const reached: Connection[] = []
    const attempts = relays.map(async (relay) => {
      const connection = await this.#components.relays.connect(relay, signal)
      reached.push(connection)
      if (this.path(peer) !== 'offline') return
      await node.libp2p.dial(circuitAddress(connection.remoteAddr, peer), { signal })
      await this.#components.relays.keep(relay, connection)
    })
    try {
      await Promise.any(attempts)
      return true
    } catch (error) {
      // It may have come to us in the meantime.
      if (this.path(peer) !== 'offline') return true
      this.#components.log.debug(`${peer} is at none of ${relays.length} relays: ${reasons(error)}`)
      return await this.#meetAt(node, want, reached, signal)
    }
  }

  /**
   * Whether the peer came to a rendezvous at one of these relays: it may be connected there without a place, as where none is left.
   * Each asks something of the relay, so it is not tried as often as a circuit.
   */
  async #meetAt(
    node: Node,
    want: Want,
    relays: readonly Connection[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { clock, log } = this.#components
    const nowMs = clock.now()
    if (relays.length === 0 || nowMs - want.metAtMs < RENDEZVOUS_PAUSE_MS) return false
    want.metAtMs = nowMs
    for (const { remoteAddr, remotePeer } of relays) {
      const relay = remotePeer.toString()
      const address = isPeerId(relay) ? rendezvousAddress(remoteAddr, relay, want.peer) : null
      if (address === null) continue
      try {
        await node.libp2p.dial(address, { signal })
        return true
      } catch (error) {
        if (this.path(want.peer) !== 'offline') return true
        log.debug(`${want.peer} did not come to a rendezvous: ${String(error)}`)
        signal.throwIfAborted()
      }
    }
    return false
  }

  #later(want: Want): void {
    want.cancelTimer?.()
    want.cancelTimer = null
    if (this.#components.browser.offline) return
    want.cancelTimer = this.#components.clock.after(want.backoff.next(), () => {
      want.cancelTimer = null
      this.#enqueue(want)
    })
  }

  #rest(want: Want): void {
    want.cancelTimer?.()
    want.cancelTimer = null
    want.again = false
    const { controller } = want
    want.controller = null
    controller?.abort(new UnreachableError('no longer needed'))
  }
}

/** How long a connection has to answer of which something says that it may be dead, in ms. */
function movedLimitMs({ rtt }: Connection): number {
  const usualMs = MOVED_ROUND_TRIPS * (rtt ?? Infinity)
  return Math.min(WAKE_PING_TIMEOUT_MS, Math.max(MOVED_PING_TIMEOUT_MS, usualMs))
}

/** Relays the peer may be at, as whoever wants it says. */
function hintsOf({ purposes }: Want): string[] {
  return [...purposes.values()].flatMap(({ hints }) => hints)
}

function reasons(error: unknown): string {
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error]
  return errors.map(String).join('; ')
}
