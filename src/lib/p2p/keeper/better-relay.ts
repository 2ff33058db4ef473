import type { Connection } from '@libp2p/interface'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Logger } from '../../protocol/seams.ts'
import { circuitAddress, peerOf, relayPartOf } from '../addresses.ts'
import type { Discovery } from '../discovery/discovery.ts'
import { SupersededError } from '../errors.ts'
import type { Node } from '../node.ts'
import { PING_TIMEOUT_MS, type Pinger } from '../ping.ts'
import type { RelayBook } from '../relay-book/relay-book.ts'
import type { Traffic } from '../traffic.ts'
import { CROSSING_MS, type Link, type Links } from './links.ts'

/** How often it is seen what goes through relays. */
export const LOOK_MS = 5_000

/** Bytes from one look to the next that are worth a better way; a talk in writing stays below. */
export const BUSY_BYTES = 16 * 1024

/** So long after that something still counts as running: on a path that breaks down no more is seen to go. */
export const BUSY_MS = 30_000

/** Round trips measured of a path. The shortest is the path's: what holds one up says nothing of it. */
export const ROUND_TRIPS = 3

/** Another relay's round trip is clearly shorter by so many ms at least, */
export const GAIN_MS = 30

/** and by this share of the present one. What is less may be chance, or goes with the move. */
export const GAIN_SHARE = 1 / 3

/** The least age of a connection beside which another is tried: by then `Links` takes the two for no crossing. */
export const SETTLED_MS = CROSSING_MS + 5_000

/** So much longer the side that was dialled leaves the search to the other. */
export const SEARCH_GRACE_MS = 60_000

/** The least time between two searches for one peer. */
export const SEARCH_PACE_MS = 2 * 60_000

/** One search, with what is tried. */
export const SEARCH_TIMEOUT_MS = 45_000

/** Addresses of relays of a peer that one search measures; some may be the same relay's. */
export const MAX_CANDIDATES = 8

/** One ping of a candidate, or of what is tried: all together end before the peer would use it (`TRIAL_WORD_MS`). */
export const TRIAL_PING_MS = 3_000

/** What was measured of a way holds so long. */
export const MEMORY_MS = 30 * 60_000

export interface BetterRelayComponents {
  self: PeerIdString
  links: Links
  relays: Pick<RelayBook, 'connect' | 'keep'>
  discovery: Pick<Discovery, 'relaysOf'>
  pinger: Pick<Pinger, 'ping'>
  traffic: Pick<Traffic, 'of'>
  clock: Clock
  log: Logger
  /** Relays that may know this peer; null when it is not wanted. */
  hints: (peer: PeerIdString) => readonly string[] | null
}

/** A round trip, and when it was measured. */
interface Measured {
  ms: number
  atMs: number
}

/** What is known of one peer that is reached through a relay. */
interface Relayed {
  link: Link
  /** In and out, at the last look. */
  bytes: number
  busyAtMs: number
  /** The last round trips while something ran. */
  roundTripsMs: number[]
  searchedAtMs: number
  search: AbortController | null
  /** Ways to the peer by the relay's id, as they were when they were used or tried last. */
  ways: Map<string, Measured>
  /** The way that was left last. */
  left: Measured | null
}

interface Candidate {
  relay: string
  connection: Connection
  id: string
  /** It takes this long at least. */
  promisedMs: number
}

/**
 * Moves what runs through a slow relay to a faster one where the peer can be reached, too.
 *
 * While much goes over a relayed connection its round trips are measured; what the relay holds back is in them. When
 * one of the peer's other relays is clearly nearer, a second connection is made through it. It stands aside
 * (`Links.aside`) until pings over it have shown that it is clearly shorter from end to end: then it counts, the
 * channels move, and the other goes as any that was replaced. Else it ends, and what it showed is remembered.
 *
 * Who moved it decided alone; the other side follows once something is used on it. A path under load seems longer
 * than one on which nothing runs. So a way is not judged by less than it showed when it was left, nor any, where the
 * last move gained nothing, by less than what was left.
 */
export class BetterRelay {
  readonly #components: BetterRelayComponents
  readonly #peers = new Map<PeerIdString, Relayed>()
  #node: Node | null = null
  #cancelLook: (() => void) | null = null

  constructor(components: BetterRelayComponents) {
    this.#components = components
    components.links.addEventListener('path', ({ detail: { peer, path } }) => {
      if (path === 'relayed') this.#plan()
      else this.#forget(peer)
    })
    components.links.addEventListener('counts', ({ detail: link }) => {
      this.#moved(link)
    })
  }

  attach(node: Node): void {
    this.#node = node
    this.#plan()
  }

  detach(): void {
    this.#node = null
    this.#cancelLook?.()
    this.#cancelLook = null
    for (const peer of [...this.#peers.keys()]) this.#forget(peer)
  }

  /** Looks as long as anybody is reached through a relay alone. */
  #plan(): void {
    const { links, clock } = this.#components
    const relayed = links.all().some(({ peer }) => links.path(peer) === 'relayed')
    if (this.#node === null || this.#cancelLook !== null || !relayed) return
    this.#cancelLook = clock.after(LOOK_MS, () => {
      this.#cancelLook = null
      for (const link of links.all()) {
        if (link.path === 'relayed' && links.best(link.peer) === link) void this.#look(link)
      }
      this.#plan()
    })
  }

  async #look(link: Link): Promise<void> {
    const { clock, pinger } = this.#components
    const known = this.#seen(link)
    if (known === null) return
    const ping = pinger.ping(link.connection).catch(() => PING_TIMEOUT_MS)
    known.roundTripsMs = [...known.roundTripsMs, await ping].slice(-ROUND_TRIPS)
    const { initiator, openedAtMs, peer } = link
    const graceMs = initiator === this.#components.self ? 0 : SEARCH_GRACE_MS
    const nowMs = clock.now()
    if (
      this.#peers.get(peer) === known &&
      this.#components.links.best(peer) === link &&
      known.roundTripsMs.length === ROUND_TRIPS &&
      known.search === null &&
      nowMs - openedAtMs >= SETTLED_MS + graceMs &&
      nowMs - known.searchedAtMs >= SEARCH_PACE_MS
    ) {
      await this.#search(known)
    }
  }

  /** What is known of it if something runs there for somebody who is wanted. */
  #seen(link: Link): Relayed | null {
    const { clock, traffic, hints } = this.#components
    const { bytesIn, bytesOut } = traffic.of(link.connection)
    const [bytes, nowMs] = [bytesIn + bytesOut, clock.now()]
    const fresh = { link, bytes, busyAtMs: -Infinity, roundTripsMs: [] }
    const known = this.#peers.get(link.peer) ?? {
      ...fresh,
      searchedAtMs: -Infinity,
      search: null,
      ways: new Map<string, Measured>(),
      left: null,
    }
    this.#peers.set(link.peer, known)
    if (known.link !== link) Object.assign(known, fresh)
    if (bytes - known.bytes >= BUSY_BYTES) known.busyAtMs = nowMs
    known.bytes = bytes
    if (nowMs - known.busyAtMs > BUSY_MS) known.roundTripsMs = []
    else if (hints(link.peer) !== null) return known
    return null
  }

  async #search(known: Relayed): Promise<void> {
    const { clock, log } = this.#components
    const { peer } = known.link
    const search = new AbortController()
    const cancelLimit = clock.after(SEARCH_TIMEOUT_MS, () => {
      search.abort()
    })
    known.search = search
    known.searchedAtMs = clock.now()
    try {
      const presentMs = shortest(known)
      const candidates = await this.#candidates(known, presentMs, search.signal)
      const best = candidates.toSorted((a, b) => a.promisedMs - b.promisedMs)[0]
      if (best !== undefined && isShorter(best.promisedMs, presentMs)) {
        await this.#try(known, best, presentMs, search.signal)
      }
    } catch (error) {
      log.debug(`no better relay to ${peer}: ${String(error)}`)
    } finally {
      cancelLimit()
      known.search = null
    }
  }

  /** The peer's other relays, measured. */
  async #candidates(known: Relayed, presentMs: number, signal: AbortSignal): Promise<Candidate[]> {
    const { discovery, hints, relays, pinger } = this.#components
    const { peer } = known.link
    const named = new Set<string>()
    for await (const stage of discovery.relaysOf(peer, hints(peer) ?? [], signal, 'near')) {
      for (const relay of stage) named.add(relay)
    }
    const leftMs = this.#holding(known.left)
    const leastMs = leftMs === 0 || isShorter(presentMs, leftMs) ? 0 : leftMs
    const all = await Promise.allSettled(
      [...named].slice(0, MAX_CANDIDATES).map(async (relay) => {
        const connection = await relays.connect(relay, signal)
        const legMs = await pinger.ping(connection, TRIAL_PING_MS)
        const id = connection.remotePeer.toString()
        const promisedMs = Math.max(legMs, leastMs, this.#holding(known.ways.get(id)))
        return { relay, connection, id, promisedMs }
      }),
    )
    const used = relayOf(known.link)
    return all.flatMap((each) =>
      each.status === 'fulfilled' && each.value.id !== used ? [each.value] : [],
    )
  }

  async #try(
    known: Relayed,
    { relay, connection, id }: Candidate,
    presentMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { links, relays, clock, log } = this.#components
    const { link } = known
    const { peer } = link
    const way = { ms: Infinity, atMs: clock.now() }
    known.ways.set(id, way)
    const trial = await links.aside(peer, 'relayed', async () => {
      const address = circuitAddress(connection.remoteAddr, peer)
      await this.#node?.libp2p.dial(address, { signal, force: true })
    })
    if (trial === null) return
    way.ms = await this.#measure(trial)
    const counts = links.best(peer)
    const wins = counts === link && !signal.aborted && isShorter(way.ms, presentMs)
    if (!wins && counts !== trial) {
      trial.connection.abort(new SupersededError('no better than the one that is there'))
      return
    }
    log.info(`through a better relay to ${peer}: ${way.ms} instead of ${presentMs} ms`)
    links.count(trial)
    await relays.keep(relay, connection)
  }

  /** The shortest round trip over what is tried; endless where one was not answered. */
  async #measure({ connection }: Link): Promise<number> {
    let leastMs = Infinity
    try {
      for (let count = 0; count < ROUND_TRIPS; count += 1) {
        leastMs = Math.min(leastMs, await this.#components.pinger.ping(connection, TRIAL_PING_MS))
      }
      return leastMs
    } catch {
      return Infinity
    }
  }

  /** Another connection counts, whoever of the two chose it: what was left is known by what it was under load. */
  #moved(link: Link): void {
    const known = this.#peers.get(link.peer)
    if (known === undefined || known.link === link) return
    const atMs = this.#components.clock.now()
    const id = relayOf(known.link)
    known.searchedAtMs = atMs
    if (id === null || known.roundTripsMs.length === 0) return
    known.left = { ms: shortest(known), atMs }
    known.ways.set(id, known.left)
  }

  /** What was measured, as long as it holds; then 0. */
  #holding(measured: Measured | null | undefined): number {
    const sinceMs = this.#components.clock.now() - MEMORY_MS
    return measured != null && measured.atMs >= sinceMs ? measured.ms : 0
  }

  #forget(peer: PeerIdString): void {
    const known = this.#peers.get(peer)
    this.#peers.delete(peer)
    known?.search?.abort()
  }
}

/** The relay's id. */
function relayOf({ connection }: Link): PeerIdString | null {
  const relay = relayPartOf(connection.remoteAddr)
  return relay && peerOf(relay)
}

function shortest({ roundTripsMs }: Relayed): number {
  return Math.min(...roundTripsMs)
}

/** Whether one round trip is clearly shorter than the other. */
function isShorter(ms: number, thanMs: number): boolean {
  return thanMs - ms >= Math.max(GAIN_MS, thanMs * GAIN_SHARE)
}
