import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import type { RelayRow } from '../../db/schema.ts'
import { isPeerId, type PeerIdString } from '../../protocol/ids.ts'
import type { ListedRelay } from '../../protocol/relay-list.ts'
import { RELAY_STATUS, type RelayStatusAnswer } from '../../protocol/relay-status.ts'
import type { Clock, Logger, Random } from '../../protocol/seams.ts'
import {
  parseRelayAddress,
  parseTypedAddress,
  type RelayAddress,
  transportOf,
} from '../addresses.ts'
import type { BrowserNetwork, NodeState, RelayCheck, RelaySource, RelayStatus } from '../api.ts'
import { askRelay } from '../ask-relay.ts'
import { Backoff } from '../backoff.ts'
import { AlreadyKnownError, NoAnswerError, NotRunningError, SupersededError } from '../errors.ts'
import type { Links } from '../keeper/links.ts'
import type { Node } from '../node.ts'
import type { Pinger } from '../ping.ts'
import type { WayFinder } from '../ways/way-finder.ts'
import { checkRelay, requireRelay } from './check-relay.ts'
import { operatorOf, rank } from './ranking.ts'
import { Referrals } from './referrals.ts'
import { RelayDialer } from './relay-dialer.ts'
import { type Held, Spare } from './spare.ts'
import type { RelayStore } from './store.ts'

/** Relays that hold a reservation for me: one may go, and another may lie, without anybody noticing. */
export const TARGET_RESERVATIONS = 3

/** Relays kept that nobody added by hand. */
export const MAX_LEARNED_RELAYS = 32

/** A learned relay that failed this often in a row is forgotten. */
export const MAX_LEARNED_FAILURES = 8

/** The longest wait for a relay while others hold a reservation. */
export const MAX_RETRY_MS = 5 * 60_000

/** The longest wait while none does: without a relay nobody reaches me. */
export const MAX_RETRY_ALONE_MS = 30_000

/** From one dial of a relay whose connection may be dead to the next. */
const RENEWAL = { firstMs: 500, maxMs: 4_000 }

export interface RelayBookEvents {
  /** A relay holds a reservation for me now. */
  reserved: CustomEvent<PeerIdString>
  /** A relay does no longer. */
  lost: CustomEvent<PeerIdString>
  /** A relay is used over this connection from now on, and the one before ends soon. */
  moved: CustomEvent<{ connection: Connection; from: 'a worse way' | 'the dead' }>
  /** Something `statuses` or `state` tells has changed. */
  changed: CustomEvent
}

export interface RelayBookComponents {
  store: RelayStore
  ways: Pick<WayFinder, 'connect' | 'connectBeside' | 'isBetter' | 'lasted'>
  links: Pick<Links, 'aside'>
  pinger: Pinger
  browser: BrowserNetwork
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
  /** What it said of itself; null until it did. */
  said: RelayStatusAnswer | null
  /** Whether it gave no place when last asked; unknown, and so false, until the first answer. */
  failed: boolean
  /** It is dialled while its connection is asked. */
  renewal: AbortController | null
  spare: Spare
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
  readonly #dialer: RelayDialer
  readonly #referrals: Referrals
  #node: Node | null = null
  #cancelTimer: (() => void) | null = null

  constructor(components: RelayBookComponents, init: RelayBookInit) {
    super()
    this.#components = components
    this.#init = init
    this.#dialer = new RelayDialer(components, (peer) => {
      this.#met(peer)
    })
    this.#referrals = new Referrals({
      ...components,
      askable: () =>
        this.#holders().length < TARGET_RESERVATIONS ? this.reservedConnections() : [],
      learn: (relays) => this.#learnListed(relays),
    })
  }

  get state(): NodeState {
    if (this.#reserved().length > 0) return 'online'
    if (this.#components.browser.offline) return 'offline'
    if (this.#node === null) return 'starting'
    // One that refuses, which takes no time, says nothing of those that have not answered yet.
    return this.#listed().every(({ failed }) => failed) ? 'offline' : 'starting'
  }

  /** Reads the book and begins to reserve; resolves without waiting for any relay. */
  async attach(node: Node): Promise<void> {
    for (const row of await this.#components.store.all()) this.#remember(row)
    this.#node = node
    this.#dialer.attach(node)
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
    this.#referrals.stop()
    for (const { spare, renewal } of this.#entries.values()) {
      spare.stop()
      renewal?.abort(new NotRunningError('the relay book is closed'))
    }
    this.#dialer.detach()
    this.#entries.clear()
  }

  statuses(): RelayStatus[] {
    return this.#listed().map(({ row, address, state, said }) => ({
      address: row.address,
      name: address.name,
      peer: row.peer,
      state,
      source: row.source,
      latencyMs: row.latencyMs,
      lastConnectedAtMs: row.lastConnectedAtMs,
      addedAtMs: row.addedAtMs,
      preferred: row.preferred === true,
      said,
    }))
  }

  /** `host[:port]` of this relay, when it is one of mine or I met it. */
  hostOf(peer: PeerIdString): string | null {
    const mine = this.#listed().find(({ row }) => row.peer === peer)
    return mine?.address.name ?? this.#dialer.hostOf(peer)
  }

  /** What the person prefers first: cards and links name the first ones. */
  reservedHosts(): string[] {
    return [...new Set(this.#preferredFirst().map(({ address }) => address.host))]
  }

  /** The connections over which I hold a reservation. */
  reservedConnections(): Connection[] {
    return this.#holders().flatMap((peer) => this.#dialer.connectionTo(peer) ?? [])
  }

  /**
   * Holds at once; kept for the next start once it resolves, with the address it is listed by.
   * @throws InvalidAddressError, AlreadyKnownError, StorageFullError
   */
  async add(text: string): Promise<string> {
    const address = parseTypedAddress(text)
    const known = this.#entryFor(address)
    if (known !== undefined && !known.row.removed) throw new AlreadyKnownError(address.text)
    const entry = known ?? this.#remember(this.#newRow(address, 'person'))
    entry.row = { ...entry.row, source: 'person', removed: false }
    entry.backoff.reset()
    entry.nextAttemptAtMs = 0
    // Others keep their turn: a browser that saw many sockets fail holds up the next one for seconds.
    this.#maintain()
    await this.#components.store.put(entry.row)
    return entry.row.address
  }

  /** Holds at once; kept for the next start once it resolves. @throws StorageFullError */
  async remove(text: string): Promise<void> {
    const entry = this.#entries.get(text)
    if (entry === undefined) return
    // One that would come back by itself is marked instead of deleted.
    const comesBack = entry.row.source !== 'person'
    if (comesBack) entry.row = { ...entry.row, removed: true }
    else this.#entries.delete(text)
    entry.spare.stop()
    const { peer } = entry.row
    if (peer !== null && !this.#holders().includes(peer)) {
      for (const connection of this.#dialer.connectionsTo(peer)) {
        connection.abort(new NotRunningError('the relay was taken out of the book'))
      }
    }
    this.#changed()
    const { store } = this.#components
    await (comesBack ? store.put(entry.row) : store.delete(text))
  }

  /** One that is preferred is reserved beside those that are, and named first. @throws StorageFullError */
  async prefer(text: string, preferred: boolean): Promise<void> {
    const entry = this.#entries.get(text)
    if (entry === undefined) return
    entry.row = { ...entry.row, preferred }
    if (preferred) entry.nextAttemptAtMs = 0
    this.#maintain()
    await this.#components.store.put(entry.row)
  }

  /** Measures those that hold a reservation anew, and asks how they stand. */
  async measure(): Promise<void> {
    await Promise.all(
      this.#reserved().map(async (entry) => {
        const { peer } = entry.row
        const connection = peer === null ? undefined : this.#dialer.connectionTo(peer)
        if (connection !== undefined) await this.#measure(entry, connection)
      }),
    )
  }

  /** @throws InvalidAddressError */
  check(text: string, signal?: AbortSignal): Promise<RelayCheck> {
    return checkRelay(text, { dialer: this.#dialer, pinger: this.#components.pinger }, signal)
  }

  /** A direct connection to the relay at this address, which may be nobody's in the book. See `RelayDialer`. */
  connect(text: string, signal?: AbortSignal): Promise<Connection> {
    return this.#dialer.connect(text, signal)
  }

  /** Takes a relay into the book that nobody named as one of mine, but that has led to a peer. */
  async keep(text: string, { remotePeer }: Connection): Promise<void> {
    const relay = remotePeer.toString()
    if ([...this.#entries.values()].some(({ row }) => row.peer === relay)) return
    await this.#learn(text, 'learned')
    this.#maintain()
  }

  /**
   * Tests what is reserved elsewhere (`Keeper.wake`); here, everything that waits is tried at once.
   *
   * @param moved connections may be dead: relays are dialled while they are asked
   */
  wake(moved = false): void {
    for (const entry of this.#entries.values()) {
      entry.backoff.reset()
      entry.nextAttemptAtMs = 0
    }
    this.#maintain()
    this.#referrals.start()
    for (const entry of this.#reserved()) {
      entry.spare.wake()
      if (moved) void this.#renew(entry)
    }
  }

  /** No page is in sight any more: what is only in reserve goes, unless one is soon. */
  hide(): void {
    for (const { spare } of this.#reserved()) spare.hide()
  }

  /** One that failed answers now, whoever asked it: it is not left to wait for its turn. */
  #met(peer: PeerIdString): void {
    const entry = this.#listed().find((one) => one.row.peer === peer && one.failed && !one.busy)
    if (entry === undefined) return
    entry.nextAttemptAtMs = 0
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
    const taken = new Set(this.#holders())
    const all = this.#listed()
    const waiting = all.filter(
      ({ row, busy, state }) =>
        !busy && state !== 'reserved' && (row.peer === null || !taken.has(row.peer)),
    )
    const places = TARGET_RESERVATIONS - taken.size - all.filter(({ busy }) => busy).length
    // A preferred one does not wait for a place.
    const wanted = places > 0 ? waiting : waiting.filter(({ row }) => row.preferred === true)
    const candidates = wanted
      .filter(({ nextAttemptAtMs }) => nextAttemptAtMs <= clock.now())
      .map((entry) => ({
        entry,
        host: entry.address.host,
        source: entry.row.source,
        latencyMs: entry.row.latencyMs,
        preferred: entry.row.preferred === true,
        load: entry.said === null ? null : entry.said.loadPercent / 100,
        failures: entry.backoff.attempts,
      }))
    const operators = reserved.map(({ address }) => operatorOf(address.host))
    const ranked = rank(candidates, operators)
    const preferred = ranked.filter((each) => each.preferred)
    const left = Math.max(0, places - preferred.length)
    const others = ranked.filter((each) => !each.preferred).slice(0, left)
    for (const { entry } of [...preferred, ...others]) void this.#reserve(node, entry)
    const next = Math.min(...wanted.filter(({ busy }) => !busy).map((e) => e.nextAttemptAtMs))
    if (Number.isFinite(next)) {
      this.#cancelTimer = clock.after(Math.max(0, next - clock.now()), () => {
        this.#maintain()
      })
    }
    this.#changed()
  }

  async #reserve(node: Node, entry: Entry): Promise<void> {
    const { clock, log } = this.#components
    // It holds one still, over a connection that is gone.
    const again = entry.state === 'reserved'
    entry.busy = true
    if (!again) entry.state = 'connecting'
    try {
      const connection = await this.connect(entry.row.address)
      if (!again) entry.state = 'connected'
      const peer = connection.remotePeer.toString()
      if (!isPeerId(peer)) throw new NoAnswerError('a peer id of another kind of key')
      entry.row = { ...entry.row, peer, lastConnectedAtMs: clock.now() }
      // libp2p never again asks a relay that did not offer the protocol once, as one that is starting may not.
      await requireRelay(connection)
      await node.reservations.addRelay(connection.remotePeer, 'configured')
      if (this.#node !== node) return
      entry.state = 'reserved'
      entry.failed = false
      entry.backoff.reset()
      log.info(`reserved at ${entry.address.host}`)
      this.safeDispatchEvent('reserved', { detail: peer })
      this.#referrals.start()
      entry.spare.plan()
      void this.#measure(entry, connection)
    } catch (error) {
      if (this.#node !== node) return
      if (again) this.#lost(entry)
      entry.state = 'unreachable'
      entry.failed = !this.#components.browser.offline
      this.#postpone(entry)
      log.info(`no reservation at ${entry.address.host}: ${String(error)}`)
      await this.#forgetIfHopeless(entry)
    } finally {
      entry.busy = false
    }
    this.#maintain()
  }

  /** Plans the next attempt; none by itself while the browser is offline, and nothing is held against the relay. */
  #postpone(entry: Entry): void {
    const { browser, clock } = this.#components
    if (browser.offline) {
      entry.nextAttemptAtMs = Infinity
      return
    }
    const limit = this.#reserved().length > 0 ? MAX_RETRY_MS : MAX_RETRY_ALONE_MS
    entry.nextAttemptAtMs = clock.now() + Math.min(entry.backoff.next(), limit)
  }

  async #measure(entry: Entry, connection: Connection): Promise<void> {
    const { pinger, log, store, clock } = this.#components
    try {
      const latencyMs = await pinger.ping(connection)
      entry.row = { ...entry.row, latencyMs }
      this.#changed()
      entry.said = await askRelay(connection, RELAY_STATUS, { type: 'status' }, clock)
      if (this.#entries.get(entry.row.address) === entry) await store.put(entry.row)
      this.#changed()
    } catch (error) {
      log.debug(`${entry.address.host} was not measured: ${String(error)}`)
    }
  }

  async #learnListed(relays: readonly ListedRelay[]): Promise<void> {
    for (const relay of relays) {
      const known = [...this.#entries.values()].some(({ row }) => row.peer === relay.peer)
      const address = relay.addresses.find((text) => this.#dialsHere(text))
      if (!known && address !== undefined) await this.#learn(address, 'learned')
    }
    this.#maintain()
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
    const known = this.#entryFor(address)
    if (known?.row.source === 'learned' && source === 'origin') {
      known.row = { ...known.row, source }
      await this.#tryToStore(known.row, this.#components.store.put(known.row))
    }
    if (known !== undefined || this.#node === null) return
    const learned = [...this.#entries.values()].filter(({ row }) => row.source === 'learned')
    if (source === 'learned' && learned.length >= MAX_LEARNED_RELAYS) return
    const { row } = this.#remember(this.#newRow(address, source))
    await this.#tryToStore(row, this.#components.store.put(row))
  }

  #newRow(address: RelayAddress, source: RelaySource): RelayRow {
    return {
      address: address.text,
      peer: address.peer,
      source,
      latencyMs: null,
      lastConnectedAtMs: null,
      addedAtMs: this.#components.clock.now(),
      removed: false,
    }
  }

  #remember(row: RelayRow): Entry {
    const entry: Entry = {
      row,
      address: parseRelayAddress(row.address),
      state: 'idle',
      backoff: new Backoff(this.#components.random, { firstMs: 1_000, maxMs: MAX_RETRY_MS }),
      nextAttemptAtMs: 0,
      busy: false,
      said: null,
      failed: false,
      renewal: null,
      spare: new Spare({
        ...this.#components,
        held: () => this.#held(entry),
        connectBeside: ({ address, connection }, which, signal) =>
          this.#dialer.connectBeside(address, connection, which, signal),
        isBetter: ({ address, connection }, spare) =>
          this.#components.ways.isBetter(address, spare, connection),
        moveTo: (held, spare) => {
          this.#components.ways.lasted(held.address, spare)
          this.#moveTo(held, spare, 'a worse way')
        },
      }),
    }
    this.#entries.set(row.address, entry)
    return entry
  }

  async #forgetIfHopeless(entry: Entry): Promise<void> {
    const { row, backoff } = entry
    if (row.source !== 'learned' || row.removed || backoff.attempts < MAX_LEARNED_FAILURES) return
    this.#entries.delete(row.address)
    await this.#tryToStore(row, this.#components.store.delete(row.address))
  }

  /** What nobody asked for holds as long as the book is open, also where nothing can be written. */
  async #tryToStore({ address }: RelayRow, write: Promise<void>): Promise<void> {
    try {
      await write
    } catch (error) {
      this.#components.log.warn(`what is known of ${address} is not kept: ${String(error)}`)
    }
  }

  #entryFor(address: RelayAddress): Entry | undefined {
    return [...this.#entries.values()].find(
      (entry) =>
        entry.address.host === address.host ||
        (address.peer !== null && entry.row.peer === address.peer),
    )
  }

  /** All but those that the person took out. */
  #listed(): Entry[] {
    return [...this.#entries.values()].filter(({ row }) => !row.removed)
  }

  #reserved(): Entry[] {
    return this.#listed().filter(({ state }) => state === 'reserved')
  }

  #preferredFirst(): Entry[] {
    return this.#reserved().toSorted(
      (a, b) => Number(b.row.preferred === true) - Number(a.row.preferred === true),
    )
  }

  #held(entry: Entry): Held | null {
    const { peer } = entry.row
    const connection = peer === null ? undefined : this.#dialer.connectionTo(peer)
    const { offline } = this.#components.browser
    if (entry.state !== 'reserved' || connection === undefined || offline) return null
    const { address, said } = entry
    // People come by what cards and links name first.
    const isMain = this.#preferredFirst()[0] === entry
    return { address, connection, loadPercent: said?.loadPercent ?? null, isMain }
  }

  #moveTo({ address, connection }: Held, to: Connection, from: 'a worse way' | 'the dead'): void {
    this.#components.log.info(`${address.host} is used over another connection: left ${from}`)
    this.#dialer.move(connection, to)
    this.safeDispatchEvent('moved', { detail: { connection: to, from } })
    this.#changed()
  }

  /**
   * Dials this relay anew while the connection there is is asked, as often as it takes until one of both has answered: a network
   * that has just changed may lead nowhere for a moment.
   */
  async #renew(entry: Entry): Promise<void> {
    const { pinger, log, random } = this.#components
    const held = this.#held(entry)
    if (held === null || entry.renewal !== null) return
    const { address, connection } = held
    const renewal = new AbortController()
    const { signal } = renewal
    entry.renewal = renewal
    pinger.ping(connection).then(
      () => {
        renewal.abort(new SupersededError('the one there is answers'))
      },
      () => undefined,
    )
    const inDoubt = (): boolean => connection.status === 'open' && !signal.aborted
    const backoff = new Backoff(random, RENEWAL)
    while (inDoubt()) {
      try {
        const next = await this.#dialer.renew(address, connection, signal)
        if (inDoubt()) this.#moveTo(held, next, 'the dead')
        else if (signal.aborted) next.abort(signal.reason as Error)
        else {
          entry.nextAttemptAtMs = 0
          this.#maintain()
        }
        break
      } catch (error) {
        log.debug(`${address.host} was not dialled anew: ${String(error)}`)
        await this.#pause(backoff.next(), signal)
      }
    }
    entry.renewal = null
  }

  #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#components.clock.after(delayMs, resolve)
      const end = (): void => {
        cancel()
        resolve()
      }
      if (signal.aborted) end()
      signal.addEventListener('abort', end)
    })
  }

  /** Who holds a reservation for me. */
  #holders(): PeerIdString[] {
    const peers = this.#reserved().flatMap(({ row }) => row.peer ?? [])
    return [...new Set(peers)]
  }

  #checkReservations(node: Node): void {
    for (const entry of this.#reserved().filter(({ busy }) => !busy)) {
      const { peer } = entry.row
      const connection = peer === null ? undefined : this.#dialer.connectionTo(peer)
      if (connection === undefined) {
        entry.state = 'idle'
        this.#postpone(entry)
        this.#lost(entry)
      } else if (!node.reservations.hasReservation(connection.remotePeer)) {
        // A relay keeps a place as long as any connection is left: it is asked for over that one.
        void this.#reserve(node, entry)
      }
    }
    this.#maintain()
  }

  #lost(entry: Entry): void {
    const { clock, log, store } = this.#components
    entry.row = { ...entry.row, lastConnectedAtMs: clock.now() }
    void this.#tryToStore(entry.row, store.put(entry.row))
    entry.spare.stop()
    log.info(`lost the reservation at ${entry.address.host}`)
    const { peer } = entry.row
    if (peer !== null) this.safeDispatchEvent('lost', { detail: peer })
  }

  #changed(): void {
    this.safeDispatchEvent('changed')
  }
}
