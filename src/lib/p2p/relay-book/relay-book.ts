import type { Connection } from '@libp2p/interface'
import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import { multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import type { RelayRow } from '../../db/schema.ts'
import { isPeerId, type PeerIdString } from '../../protocol/ids.ts'
import { type ListedRelay, openRelayList } from '../../protocol/relay-list.ts'
import type { Clock, Logger, Random } from '../../protocol/seams.ts'
import { hostOf, parseRelayAddress, type RelayAddress, transportOf } from '../addresses.ts'
import type { NodeState, RelayCheck, RelaySource, RelayStatus } from '../api.ts'
import { Backoff } from '../backoff.ts'
import { askDirectory } from '../discovery/directory-client.ts'
import { endStream } from '../end-stream.ts'
import { AlreadyKnownError, NoAnswerError, NotRunningError } from '../errors.ts'
import type { Node } from '../node.ts'
import { pingConnection } from '../ping.ts'
import { operatorOf, rank } from './ranking.ts'
import type { RelayStore } from './store.ts'

/** Relays that hold a reservation for me: one may go, and another may lie, without anybody noticing. */
export const TARGET_RESERVATIONS = 3

/** Relays kept that nobody added by hand. */
export const MAX_LEARNED_RELAYS = 32

/** A learned relay that failed this often in a row is forgotten. */
export const MAX_LEARNED_FAILURES = 8

/** Connecting to one relay, over all its addresses. */
export const CONNECT_TIMEOUT_MS = 15_000

/** A reservation, and a ping, on an open connection. */
export const RESERVE_TIMEOUT_MS = 10_000

/** The longest wait for a relay while others hold a reservation. */
export const MAX_RETRY_MS = 5 * 60_000

/** The longest wait while none does: without a relay nobody reaches me. */
export const MAX_RETRY_ALONE_MS = 30_000

/** A connection to somebody else's relay with nothing on it is closed after this. */
export const VISIT_MS = 60_000

export interface RelayBookEvents {
  /** A relay holds a reservation for me now. */
  reserved: CustomEvent<PeerIdString>
  /** A relay does no longer. */
  lost: CustomEvent<PeerIdString>
  /** Something `statuses` or `state` tells has changed. */
  changed: CustomEvent
}

export interface RelayBookComponents {
  store: RelayStore
  clock: Clock
  random: Random
  log: Logger
}

export interface RelayBookInit {
  /** Origin of the page, `https://host[:port]`; null where there is none. */
  origin: string | null
}

interface Entry {
  row: RelayRow
  address: RelayAddress
  state: RelayStatus['state']
  backoff: Backoff
  nextAttemptAtMs: number
  busy: boolean
}

/**
 * The relays I know, and reservations on up to three of them, of different operators where known.
 *
 * A reservation that is lost is asked for again at once, then with full jitter up to five minutes, and at once
 * whenever the node is woken. libp2p's own reservation is not renewed after a relay's restart (js-libp2p#3601),
 * so this is the watchdog.
 */
export class RelayBook extends TypedEventEmitter<RelayBookEvents> {
  readonly #components: RelayBookComponents
  readonly #init: RelayBookInit
  readonly #entries = new Map<string, Entry>()
  /** Connecting to a host, for all who want it. */
  readonly #connecting = new Map<string, Promise<Connection>>()
  /** Which peer answered at a host. */
  readonly #peers = new Map<string, PeerIdString>()
  /** Takes back the look at an idle connection, by its id. */
  readonly #visits = new Map<string, () => void>()
  #node: Node | null = null
  #cancelTimer: (() => void) | null = null
  #settled = false

  constructor(components: RelayBookComponents, init: RelayBookInit) {
    super()
    this.#components = components
    this.#init = init
  }

  get state(): NodeState {
    if (this.#reserved().length > 0) return 'online'
    return this.#settled ? 'offline' : 'starting'
  }

  /** Reads the book and begins to reserve; resolves without waiting for any relay. */
  async attach(node: Node): Promise<void> {
    for (const row of await this.#components.store.all()) this.#remember(row)
    this.#node = node
    this.#settled = false
    node.reservations.addEventListener('relay:removed', () => {
      if (this.#node === node) this.#checkReservations(node)
    })
    if (this.#init.origin !== null) await this.#learn(this.#init.origin, 'origin')
    this.#maintain()
  }

  detach(): void {
    this.#node = null
    this.#cancelTimer?.()
    this.#cancelTimer = null
    for (const cancel of this.#visits.values()) cancel()
    this.#visits.clear()
    this.#entries.clear()
    this.#peers.clear()
  }

  statuses(): RelayStatus[] {
    return [...this.#entries.values()]
      .filter(({ row }) => !row.removed)
      .map(({ row, state }) => ({
        address: row.address,
        peer: row.peer,
        state,
        source: row.source,
        latencyMs: row.latencyMs,
        lastConnectedAtMs: row.lastConnectedAtMs,
        addedAtMs: row.addedAtMs,
      }))
  }

  /** `host[:port]` of this relay, when it is one of mine or I met it. */
  hostOf(peer: PeerIdString): string | null {
    for (const [host, relay] of this.#peers) if (relay === peer) return host
    return null
  }

  reservedHosts(): string[] {
    return [...new Set(this.#reserved().map(({ address }) => address.host))]
  }

  /** The connections over which I hold a reservation. */
  reservedConnections(): Connection[] {
    const peers = new Set(this.#reserved().map(({ row }) => row.peer))
    return [...peers].flatMap((peer) => {
      const connection = peer === null ? undefined : this.#connectionTo(peer)
      return connection === undefined ? [] : [connection]
    })
  }

  /** @throws InvalidAddressError, AlreadyKnownError */
  async add(text: string): Promise<void> {
    const address = parseRelayAddress(text)
    const known = this.#entryFor(address)
    if (known !== undefined && !known.row.removed) throw new AlreadyKnownError(address.text)
    if (known !== undefined) {
      known.row = { ...known.row, source: 'person', removed: false }
      await this.#components.store.put(known.row)
    } else await this.#write(address, 'person')
    this.#wakeEntries()
  }

  async remove(text: string): Promise<void> {
    const entry = this.#entries.get(text)
    if (entry === undefined) return
    // One that would come back by itself is marked instead of deleted.
    if (entry.row.source === 'person') {
      this.#entries.delete(text)
      await this.#components.store.delete(text)
    } else {
      entry.row = { ...entry.row, removed: true }
      await this.#components.store.put(entry.row)
    }
    const { peer } = entry.row
    if (peer !== null && this.#reserved().every(({ row }) => row.peer !== peer)) {
      this.#connectionTo(peer)?.abort(new NotRunningError('the relay was taken out of the book'))
    }
    this.#changed()
  }

  /** @throws InvalidAddressError */
  async check(text: string, signal?: AbortSignal): Promise<RelayCheck> {
    const address = parseRelayAddress(text)
    let connection: Connection
    try {
      connection = await this.connect(address.text, signal)
    } catch (error) {
      signal?.throwIfAborted()
      const timeout = error instanceof Error && error.name === 'TimeoutError'
      return {
        ok: false,
        peer: null,
        latencyMs: null,
        error: timeout || error instanceof NoAnswerError ? 'timeout' : 'unreachable',
      }
    }
    const peer = connection.remotePeer.toString()
    const known = isPeerId(peer) ? peer : null
    try {
      await offersRelay(connection)
      const latencyMs = await pingConnection(connection, this.#components.clock, RESERVE_TIMEOUT_MS)
      return { ok: true, peer: known, latencyMs, error: null }
    } catch (error) {
      const name = error instanceof Error ? error.name : ''
      const unsupported = name === 'UnsupportedProtocolError'
      return {
        ok: false,
        peer: known,
        latencyMs: null,
        error: unsupported ? 'not-a-relay' : 'refused',
      }
    }
  }

  /**
   * A direct connection to the relay at this address, which may be nobody's in the book; made when there is none.
   *
   * @throws InvalidAddressError, NotRunningError, NoAnswerError, or the transport's error
   */
  async connect(text: string, signal?: AbortSignal): Promise<Connection> {
    const address = parseRelayAddress(text)
    const open = this.#openConnection(address)
    if (open !== undefined) return open
    const known = this.#connecting.get(address.text)
    const connecting =
      known ??
      this.#dial(address).finally(() => {
        this.#connecting.delete(address.text)
      })
    this.#connecting.set(address.text, connecting)
    return signal === undefined ? connecting : abortable(connecting, signal)
  }

  /** Tests what is reserved elsewhere (`Keeper.wake`); here, everything that waits is tried at once. */
  wake(): void {
    this.#wakeEntries()
  }

  #wakeEntries(): void {
    for (const entry of this.#entries.values()) {
      entry.backoff.reset()
      entry.nextAttemptAtMs = 0
    }
    this.#maintain()
  }

  /** Sees to it that enough relays are reserved or being tried, and that the next look is planned. */
  #maintain(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    const node = this.#node
    if (node === null) return
    const { clock } = this.#components
    const reserved = this.#reserved()
    const taken = new Set(reserved.map(({ row }) => row.peer))
    const all = [...this.#entries.values()].filter(({ row }) => !row.removed)
    const waiting = all.filter(
      ({ row, busy, state }) =>
        !busy && state !== 'reserved' && (row.peer === null || !taken.has(row.peer)),
    )
    const missing = TARGET_RESERVATIONS - taken.size - all.filter(({ busy }) => busy).length
    if (missing > 0) {
      const due = waiting.filter(({ nextAttemptAtMs }) => nextAttemptAtMs <= clock.now())
      const candidates = due.map((entry) => ({
        entry,
        host: entry.address.host,
        source: entry.row.source,
        latencyMs: entry.row.latencyMs,
        failures: entry.backoff.attempts,
      }))
      const operators = reserved.map(({ address }) => operatorOf(address.host))
      for (const { entry } of rank(candidates, operators).slice(0, missing)) {
        void this.#reserve(node, entry)
      }
    }
    const next = Math.min(...waiting.filter(({ busy }) => !busy).map((e) => e.nextAttemptAtMs))
    if (missing > 0 && Number.isFinite(next)) {
      this.#cancelTimer = clock.after(Math.max(0, next - clock.now()), () => {
        this.#maintain()
      })
    }
    this.#changed()
  }

  async #reserve(node: Node, entry: Entry): Promise<void> {
    const { clock, log } = this.#components
    entry.busy = true
    entry.state = 'connecting'
    try {
      const connection = await this.connect(entry.row.address)
      entry.state = 'connected'
      const peer = connection.remotePeer.toString()
      if (!isPeerId(peer)) throw new NoAnswerError('a peer id of another kind of key')
      entry.row = { ...entry.row, peer, lastConnectedAtMs: clock.now() }
      // libp2p never again asks a relay that did not offer the protocol once, as one that is starting may not.
      await offersRelay(connection)
      await node.reservations.addRelay(connection.remotePeer, 'configured')
      if (this.#node !== node) return
      entry.state = 'reserved'
      entry.backoff.reset()
      this.#settled = true
      log.info(`reserved at ${entry.address.host}`)
      this.safeDispatchEvent('reserved', { detail: peer })
      void this.#getToKnow(entry, connection)
    } catch (error) {
      if (this.#node !== node) return
      entry.state = 'unreachable'
      this.#settled = true
      const limit = this.#reserved().length > 0 ? MAX_RETRY_MS : MAX_RETRY_ALONE_MS
      entry.nextAttemptAtMs = clock.now() + Math.min(entry.backoff.next(), limit)
      log.info(`no reservation at ${entry.address.host}: ${String(error)}`)
      await this.#forgetIfHopeless(entry)
    } finally {
      entry.busy = false
    }
    this.#maintain()
  }

  /** Measures a relay and asks it for others. */
  async #getToKnow(entry: Entry, connection: Connection): Promise<void> {
    const { clock, log, store } = this.#components
    try {
      const latencyMs = await pingConnection(connection, clock, RESERVE_TIMEOUT_MS)
      entry.row = { ...entry.row, latencyMs }
      if (this.#entries.get(entry.row.address) === entry) await store.put(entry.row)
      this.#changed()
      const answer = await askDirectory(connection, { type: 'relays' }, clock)
      if (answer.type !== 'relays') return
      const list = await openRelayList(answer.list, clock.now())
      if (list.issuer !== entry.row.peer) return
      for (const relay of list.relays) await this.#learnListed(relay)
      this.#maintain()
    } catch (error) {
      log.debug(`${entry.address.host} told no other relays: ${String(error)}`)
    }
  }

  async #learnListed(relay: ListedRelay): Promise<void> {
    const entries = [...this.#entries.values()]
    if (relay.peer === this.#node?.libp2p.peerId.toString()) return
    if (entries.some(({ row }) => row.peer === relay.peer)) return
    const address = relay.addresses.find((text) => this.#dialsHere(text))
    if (address !== undefined) await this.#learn(address, 'learned')
  }

  /** Whether a page like this one may dial it: from https only encrypted sockets. */
  #dialsHere(text: string): boolean {
    const address = multiaddr(text)
    if (transportOf(address) !== 'websocket') return false
    const encrypted = address.getComponents().some(({ name }) => name === 'tls' || name === 'wss')
    return encrypted || this.#init.origin?.startsWith('https:') !== true
  }

  /** Adds a relay nobody typed, unless it is known or there are enough. */
  async #learn(text: string, source: RelaySource): Promise<void> {
    const address = parseRelayAddress(text)
    if (this.#entryFor(address) !== undefined || this.#node === null) return
    const learned = [...this.#entries.values()].filter(({ row }) => row.source === 'learned')
    if (source === 'learned' && learned.length >= MAX_LEARNED_RELAYS) return
    await this.#write(address, source)
  }

  async #write(address: RelayAddress, source: RelaySource): Promise<void> {
    const row: RelayRow = {
      address: address.text,
      peer: address.peer,
      source,
      latencyMs: null,
      lastConnectedAtMs: null,
      addedAtMs: this.#components.clock.now(),
      removed: false,
    }
    this.#remember(row)
    await this.#components.store.put(row)
  }

  #remember(row: RelayRow): void {
    this.#entries.set(row.address, {
      row,
      address: parseRelayAddress(row.address),
      state: 'idle',
      backoff: new Backoff(this.#components.random, { firstMs: 1_000, maxMs: MAX_RETRY_MS }),
      nextAttemptAtMs: 0,
      busy: false,
    })
  }

  async #forgetIfHopeless(entry: Entry): Promise<void> {
    const { row, backoff } = entry
    if (row.source !== 'learned' || row.removed || backoff.attempts < MAX_LEARNED_FAILURES) return
    this.#entries.delete(row.address)
    await this.#components.store.delete(row.address)
  }

  #entryFor(address: RelayAddress): Entry | undefined {
    return [...this.#entries.values()].find(
      (entry) =>
        entry.address.host === address.host ||
        (address.peer !== null && entry.row.peer === address.peer),
    )
  }

  #reserved(): Entry[] {
    return [...this.#entries.values()].filter(
      ({ row, state }) => state === 'reserved' && !row.removed,
    )
  }

  #checkReservations(node: Node): void {
    for (const entry of this.#reserved()) {
      const { peer } = entry.row
      const connection = peer === null ? undefined : this.#connectionTo(peer)
      if (connection !== undefined && node.reservations.hasReservation(connection.remotePeer))
        continue
      entry.state = 'idle'
      entry.nextAttemptAtMs = this.#components.clock.now() + entry.backoff.next()
      this.#components.log.info(`lost the reservation at ${entry.address.host}`)
      if (peer !== null) this.safeDispatchEvent('lost', { detail: peer })
    }
    this.#maintain()
  }

  #connectionTo(peer: PeerIdString): Connection | undefined {
    return this.#node?.libp2p
      .getConnections()
      .find(
        (connection) =>
          connection.status === 'open' &&
          connection.direct &&
          connection.remotePeer.toString() === peer,
      )
  }

  #openConnection(address: RelayAddress): Connection | undefined {
    const peer = address.peer ?? this.#peers.get(address.host)
    return peer === undefined ? undefined : this.#connectionTo(peer)
  }

  async #dial(address: RelayAddress): Promise<Connection> {
    const node = this.#node
    if (node === null) throw new NotRunningError('the node is not running')
    const { clock } = this.#components
    const limit = new AbortController()
    const cancel = clock.after(CONNECT_TIMEOUT_MS, () => {
      limit.abort(new NoAnswerError(`no answer from ${address.host}`))
    })
    try {
      const { peer, multiaddrs } = address
      const targets =
        peer === null ? multiaddrs : multiaddrs.map((to) => to.encapsulate(`/p2p/${peer}`))
      const connection = await node.libp2p.dial(targets, { signal: limit.signal })
      const remote = connection.remotePeer.toString()
      const host = hostOf(connection.remoteAddr) ?? address.host
      if (isPeerId(remote)) {
        this.#peers.set(address.host, remote)
        this.#peers.set(host, remote)
      }
      this.#visit(node, connection)
      return connection
    } catch (error) {
      limit.signal.throwIfAborted()
      throw error
    } finally {
      cancel()
    }
  }

  /** Looks after a while whether this connection still serves anything, and closes it when not. */
  #visit(node: Node, connection: Connection): void {
    this.#visits.get(connection.id)?.()
    if (this.#node !== node) return
    const cancel = this.#components.clock.after(VISIT_MS, () => {
      this.#visits.delete(connection.id)
      if (connection.status !== 'open') return
      if (
        node.reservations.hasReservation(connection.remotePeer) ||
        connection.streams.length > 0
      ) {
        this.#visit(node, connection)
      } else connection.abort(new NotRunningError('nothing left to do at this relay'))
    })
    this.#visits.set(connection.id, cancel)
  }

  #changed(): void {
    this.safeDispatchEvent('changed')
  }
}

/** @throws the stream's error; its name is `UnsupportedProtocolError` when the peer is no circuit relay. */
async function offersRelay(connection: Connection): Promise<void> {
  const stream = await connection.newStream(RELAY_V2_HOP_CODEC, {
    signal: AbortSignal.timeout(RESERVE_TIMEOUT_MS),
  })
  endStream(stream)
}

/** `promise`, or a rejection with the signal's reason; the work itself goes on for others. */
function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const aborted = Promise.withResolvers<never>()
  const onAbort = (): void => {
    aborted.reject(signal.reason as Error)
  }
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort)
  return Promise.race([promise, aborted.promise]).finally(() => {
    signal.removeEventListener('abort', onAbort)
  })
}
