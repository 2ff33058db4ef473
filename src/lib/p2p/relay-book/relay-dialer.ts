import type { Connection } from '@libp2p/interface'
import { isPeerId, type PeerIdString } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/seams.ts'
import { hostOf, isRelayed, parseRelayAddress, type RelayAddress } from '../addresses.ts'
import { NoAnswerError, NotRunningError, SupersededError } from '../errors.ts'
import { type Links, RELAYED_SPARE_MS } from '../keeper/links.ts'
import type { Node } from '../node.ts'
import type { WayFinder } from '../ways/way-finder.ts'

/** Connecting to one relay, by all ways to it: a WebSocket that never opens, and three modes of plain HTTP beside it. */
export const CONNECT_TIMEOUT_MS = 25_000

/** A connection to a relay that holds no reservation, with nothing on it, is closed after this. */
export const VISIT_MS = 60_000

/** A connection that another is used instead of ends after this: what went over it went on over that one, and was kept beside for as long as it is. */
export const LEAVE_MS = RELAYED_SPARE_MS + 10_000

/**
 * Connections to relays, mine and others': one for each, whoever asks, and closed when it serves nothing.
 */
export class RelayDialer {
  readonly #clock: Clock
  readonly #ways: Pick<WayFinder, 'connect' | 'connectBeside'>
  readonly #links: Pick<Links, 'aside'>
  readonly #onMet: (relay: PeerIdString) => void
  /** Connecting to an address, for all who want it. */
  readonly #connecting = new Map<string, Promise<Connection>>()
  /** The one dial to a host. */
  readonly #dialing = new Map<string, Promise<Connection>>()
  /** Which peer answered at a host. */
  readonly #peers = new Map<string, PeerIdString>()
  /** Takes back the look at an idle connection, by its id. */
  readonly #visits = new Map<string, () => void>()
  #node: Node | null = null

  /** @param onMet told of each relay that answered a dial */
  constructor(
    {
      clock,
      ways,
      links,
    }: {
      clock: Clock
      ways: Pick<WayFinder, 'connect' | 'connectBeside'>
      links: Pick<Links, 'aside'>
    },
    onMet: (relay: PeerIdString) => void,
  ) {
    this.#clock = clock
    this.#ways = ways
    this.#links = links
    this.#onMet = onMet
  }

  attach(node: Node): void {
    this.#node = node
  }

  detach(): void {
    this.#node = null
    for (const cancel of this.#visits.values()) cancel()
    this.#visits.clear()
    this.#peers.clear()
  }

  /**
   * A direct connection to the relay at this address; made when there is none.
   *
   * @throws InvalidAddressError, NotRunningError, NoAnswerError, or the transport's error
   */
  async connect(text: string, signal?: AbortSignal): Promise<Connection> {
    const address = parseRelayAddress(text)
    const connecting =
      this.#connecting.get(address.text) ??
      this.#connect(address).finally(() => {
        this.#connecting.delete(address.text)
      })
    this.#connecting.set(address.text, connecting)
    return signal === undefined ? connecting : abortable(connecting, signal)
  }

  /**
   * One more connection to a relay that is connected, by another way and standing aside; null where there is none. See
   * `WayFinder.connectBeside`.
   *
   * @throws the signal's reason, NotRunningError, or the transport's error
   */
  async connectBeside(
    address: RelayAddress,
    connection: Connection,
    which: 'any' | 'better',
    signal: AbortSignal,
  ): Promise<Connection | null> {
    const node = this.#node
    const peer = connection.remotePeer.toString()
    if (node === null || !isPeerId(peer)) throw new NotRunningError('the node is not running')
    const link = await this.#links.aside(peer, 'direct', () =>
      this.#ways.connectBeside(address, connection, which, signal),
    )
    if (link !== null && this.#node === node) this.#visit(node, link.connection)
    return link?.connection ?? null
  }

  /**
   * Another connection to a relay whose present one may be dead, standing aside.
   *
   * @throws the signal's reason, NotRunningError, or the transports' error
   */
  async renew(
    address: RelayAddress,
    { remotePeer }: Connection,
    signal: AbortSignal,
  ): Promise<Connection> {
    const peer = remotePeer.toString()
    const made = Promise.withResolvers<Connection>()
    const dialling = made.promise.finally(() => {
      this.#dialing.delete(address.host)
    })
    // Should the present one end meanwhile, whoever wants the relay waits for this one.
    this.#dialing.set(address.host, dialling)
    const dial = async (): Promise<void> => {
      made.resolve(await this.#dial(address, signal))
    }
    const aside = isPeerId(peer) ? this.#links.aside(peer, 'direct', dial) : dial()
    aside.catch((error: unknown) => {
      made.reject(error)
    })
    return await dialling
  }

  /** Whatever is opened at this relay from now on goes over `to`; `from` ends after a while. */
  move(from: Connection, to: Connection): void {
    const node = this.#node
    if (node === null) return
    node.useFirst(to)
    this.#visits.get(from.id)?.()
    const leave = (): void => {
      this.#visits.delete(from.id)
      if (to.status === 'open') from.abort(new SupersededError('a better way is used'))
      else this.#visit(node, from)
    }
    this.#visits.set(from.id, this.#clock.after(LEAVE_MS, leave))
  }

  /** The open direct connection to this relay that is in use. */
  connectionTo(peer: PeerIdString): Connection | undefined {
    return this.connectionsTo(peer)[0]
  }

  /** The open direct connections to this relay, the one in use first: the oldest, unless another was moved to. */
  connectionsTo(peer: PeerIdString): Connection[] {
    const all = this.#node?.libp2p.getConnections() ?? []
    return all.filter(
      ({ status, remoteAddr, remotePeer }) =>
        status === 'open' && !isRelayed(remoteAddr) && remotePeer.toString() === peer,
    )
  }

  /** `host[:port]` where this relay answered. */
  hostOf(peer: PeerIdString): string | null {
    for (const [host, relay] of this.#peers) if (relay === peer) return host
    return null
  }

  async #connect(address: RelayAddress): Promise<Connection> {
    for (;;) {
      const peer = address.peer ?? this.#peers.get(address.host)
      const open = peer === undefined ? undefined : this.connectionTo(peer)
      if (open !== undefined) return open
      // One host has several spellings, with its peer id and without: a dial by another may lead to the same relay.
      const other = this.#dialing.get(address.host)
      if (other === undefined) break
      await Promise.allSettled([other])
    }
    const dialing = this.#dial(address).finally(() => {
      this.#dialing.delete(address.host)
    })
    this.#dialing.set(address.host, dialing)
    return dialing
  }

  async #dial(address: RelayAddress, signal?: AbortSignal): Promise<Connection> {
    const node = this.#node
    if (node === null) throw new NotRunningError('the node is not running')
    const limit = new AbortController()
    signal?.addEventListener('abort', () => {
      limit.abort(signal.reason)
    })
    const cancel = this.#clock.after(CONNECT_TIMEOUT_MS, () => {
      limit.abort(new NoAnswerError(`no answer from ${address.host}`))
    })
    try {
      const connection = await this.#ways.connect(address, limit.signal)
      this.#met(node, address, connection)
      return connection
    } finally {
      cancel()
    }
  }

  #met(node: Node, address: RelayAddress, connection: Connection): void {
    if (this.#node !== node) return
    const peer = connection.remotePeer.toString()
    if (isPeerId(peer)) {
      this.#peers.set(address.host, peer)
      this.#peers.set(hostOf(connection.remoteAddr) ?? address.host, peer)
    }
    this.#visit(node, connection)
    if (isPeerId(peer)) this.#onMet(peer)
  }

  /** Looks after a while whether this connection still serves anything, and closes it when not. */
  #visit(node: Node, connection: Connection): void {
    this.#visits.get(connection.id)?.()
    const cancel = this.#clock.after(VISIT_MS, () => {
      this.#visits.delete(connection.id)
      if (connection.status !== 'open') return
      const { remotePeer, streams } = connection
      if (node.reservations.hasReservation(remotePeer) || streams.length > 0) {
        this.#visit(node, connection)
      } else connection.abort(new NotRunningError('nothing left to do at this relay'))
    })
    this.#visits.set(connection.id, cancel)
  }
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
