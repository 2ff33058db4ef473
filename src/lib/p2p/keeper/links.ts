import type { Connection, Libp2p } from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import { isPeerId, type PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Logger } from '../../protocol/seams.ts'
import { isRelayed } from '../addresses.ts'
import type { PeerPath } from '../api.ts'
import { SupersededError } from '../errors.ts'

/**
 * Two connections whose openings lie closer than this may have crossed: both sides then keep the same one. Longer than they can be
 * apart on one side and the other way about on the other, which is two round trips of a bad line; and no longer, since of who
 * moves to another network soon after the first was opened, that one is dead.
 */
export const CROSSING_MS = 4_000

/** How long a second relayed connection is kept: an upgrade may just be signalled over it. */
export const RELAYED_SPARE_MS = 20_000

/** How long a direct connection that the peer opened beside another may take to show that it is a lane. */
export const LANE_WORD_MS = 10_000

/**
 * How long a relayed connection that the peer opened beside another may take to show that it counts: longer than one
 * that is only tried is there.
 */
export const TRIAL_WORD_MS = 15_000

/** One open connection to a peer. */
export interface Link {
  readonly id: string
  readonly peer: PeerIdString
  readonly path: 'direct' | 'relayed'
  /** Who dialled: the same on both sides. */
  readonly initiator: PeerIdString
  readonly openedAtMs: number
  readonly connection: Connection
  /**
   * It counts only where no other of its kind is left: a lane, which carries a share of what is much (`WideChannel`), or a
   * relayed one that is tried, or may be (`BetterRelay`).
   */
  aside: boolean
}

export interface LinksEvents {
  opened: CustomEvent<Link>
  closed: CustomEvent<Link>
  /** This one stood aside, and counts from now on. */
  counts: CustomEvent<Link>
  path: CustomEvent<{ peer: PeerIdString; path: PeerPath }>
}

export interface LinksComponents {
  self: PeerIdString
  clock: Clock
  log: Logger
}

/**
 * The open connections of every peer, and which of them counts.
 *
 * Direct beats relayed; a relayed connection stays beside a direct one as the fallback. Of two of the same kind
 * one goes, and both sides choose the same without a word: the newer stays when one side opened both (it
 * would not have, had the older been alive) or when they opened far apart; the smaller peer id's stays when
 * they may have crossed. Lanes stay as well: who dials one knows it, the other is told by what is opened on it first.
 * So it is with a relayed one beside an older: it may be tried only, and counts once who dialled it uses it.
 */
export class Links extends TypedEventEmitter<LinksEvents> {
  readonly #components: LinksComponents
  readonly #links = new Map<PeerIdString, Link[]>()
  readonly #paths = new Map<PeerIdString, PeerPath>()
  /** Takes back what is to happen to a connection, by its id: that a spare one is closed, or a tried one counts. */
  readonly #plans = new Map<string, () => void>()
  /** Who is being dialled for one that stands aside, and what is to be done with it. */
  readonly #asides = new Map<string, (link: Link) => void>()
  #detach: (() => void) | null = null

  constructor(components: LinksComponents) {
    super()
    this.#components = components
  }

  attach(libp2p: Libp2p): void {
    const opened = (event: CustomEvent<Connection>): void => {
      this.#opened(event.detail)
    }
    const closed = (event: CustomEvent<Connection>): void => {
      this.#closed(event.detail)
    }
    libp2p.addEventListener('connection:open', opened)
    libp2p.addEventListener('connection:close', closed)
    this.#detach = () => {
      libp2p.removeEventListener('connection:open', opened)
      libp2p.removeEventListener('connection:close', closed)
    }
  }

  /** Forgets everything, telling so: whoever held a path holds none now. */
  detach(): void {
    this.#detach?.()
    this.#detach = null
    for (const cancel of this.#plans.values()) cancel()
    this.#plans.clear()
    for (const link of this.all()) this.#closed(link.connection)
  }

  all(): Link[] {
    return [...this.#links.values()].flat()
  }

  of(peer: PeerIdString): Link[] {
    return this.#links.get(peer) ?? []
  }

  /** The connection that counts. */
  best(peer: PeerIdString): Link | null {
    return this.of(peer).reduce<Link | null>(
      (best, link) => (best === null || beats(link, best) ? link : best),
      null,
    )
  }

  path(peer: PeerIdString): PeerPath {
    return this.best(peer)?.path ?? 'offline'
  }

  /** What this dial opens beside what is there, standing aside; null if it opens nothing. Rejects as the dial does. */
  async aside(
    peer: PeerIdString,
    path: Link['path'],
    dial: () => Promise<unknown>,
  ): Promise<Link | null> {
    let opened: Link | null = null
    const key = `${path} ${peer}`
    const mine = (link: Link): void => {
      opened = link
    }
    this.#asides.set(key, mine)
    try {
      await dial()
      return opened
    } finally {
      if (this.#asides.get(key) === mine) this.#asides.delete(key)
    }
  }

  /** The peer uses this connection as a lane. */
  setAside(link: Link): void {
    link.aside = true
    for (const other of this.of(link.peer)) if (other.path === 'direct') this.#keep(other)
  }

  /** This relayed one was only tried, or may have been, and is used now. */
  count(link: Link): void {
    if (!link.aside || link.path === 'direct' || !this.of(link.peer).includes(link)) return
    link.aside = false
    this.#keep(link)
    this.#settle(link)
    this.safeDispatchEvent('counts', { detail: link })
  }

  /** Ends every connection to this peer at once. */
  drop(peer: PeerIdString, reason: Error): void {
    for (const { connection } of this.of(peer)) connection.abort(reason)
  }

  #opened(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    // Other kinds of key are not Starling's; libp2p's own protocols may still run with them.
    if (!isPeerId(peer) || connection.status !== 'open') return
    const link: Link = {
      id: connection.id,
      peer,
      path: isRelayed(connection.remoteAddr) ? 'relayed' : 'direct',
      initiator: connection.direction === 'outbound' ? this.#components.self : peer,
      openedAtMs: this.#components.clock.now(),
      connection,
      aside: false,
    }
    if (connection.direction === 'outbound') this.#take(link)
    const others = this.of(peer)
    this.#links.set(peer, [...others, link])
    this.#components.log.debug(`${link.path} connection with ${peer} opened`)
    if (others.some((other) => mayBeTrial(link, other))) this.#await(link)
    this.#settle(link)
    this.safeDispatchEvent('opened', { detail: link })
    this.#tellPath(peer)
  }

  /** It is what was dialled to stand aside. */
  #take(link: Link): void {
    const key = `${link.path} ${link.peer}`
    const take = this.#asides.get(key)
    if (take === undefined) return
    this.#asides.delete(key)
    link.aside = true
    take(link)
  }

  /** Leaves it to who dialled it to use it; one that is there for longer than any is tried counts all the same. */
  #await(link: Link): void {
    link.aside = true
    const count = (): void => {
      this.count(link)
    }
    this.#plans.set(link.id, this.#components.clock.after(TRIAL_WORD_MS, count))
  }

  /** Of this one, if it counts, and others of its kind that do, one goes each time. */
  #settle(link: Link): void {
    for (const other of this.of(link.peer)) {
      if (other === link || other.path !== link.path || other.aside || link.aside) continue
      this.#retire(beats(link, other) ? other : link, link)
    }
  }

  /** Ends this one, because of the one that came last. */
  #retire(link: Link, last: Link): void {
    const end = (): void => {
      this.#plans.delete(link.id)
      link.connection.abort(new SupersededError('another connection of this peer stays'))
    }
    const mayBeLane = last.path === 'direct' && last.connection.direction === 'inbound'
    if (link.path === 'direct' && !mayBeLane) end()
    else if (!this.#plans.has(link.id)) {
      const afterMs = mayBeLane ? LANE_WORD_MS : RELAYED_SPARE_MS
      this.#plans.set(link.id, this.#components.clock.after(afterMs, end))
    }
  }

  /** It stays. */
  #keep({ id }: Link): void {
    this.#plans.get(id)?.()
    this.#plans.delete(id)
  }

  #closed(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    if (!isPeerId(peer)) return
    const links = this.of(peer)
    const link = links.find(({ id }) => id === connection.id)
    if (link === undefined) return
    const left = links.filter((other) => other !== link)
    if (left.length === 0) this.#links.delete(peer)
    else this.#links.set(peer, left)
    this.#keep(link)
    const same = left.filter(({ path, aside }) => path === link.path && !aside)
    // The very one that was to stay may have ended, or have been a lane that came to nothing.
    if (same.length === 1) this.#keep(same[0]!)
    this.#components.log.debug(`${link.path} connection with ${peer} closed`)
    this.safeDispatchEvent('closed', { detail: link })
    this.#tellPath(peer)
  }

  #tellPath(peer: PeerIdString): void {
    const path = this.path(peer)
    if (path === (this.#paths.get(peer) ?? 'offline')) return
    if (path === 'offline') this.#paths.delete(peer)
    else this.#paths.set(peer, path)
    this.safeDispatchEvent('path', { detail: { peer, path } })
  }
}

/** Whether `a` counts rather than `b`, of one peer; the same answer on both sides. */
export function beats(a: Link, b: Link): boolean {
  if (a.path !== b.path) return a.path === 'direct'
  if (a.aside !== b.aside) return b.aside
  const newer = a.openedAtMs >= b.openedAtMs
  if (a.initiator === b.initiator) return newer
  if (Math.abs(a.openedAtMs - b.openedAtMs) > CROSSING_MS) return newer
  return a.initiator < b.initiator
}

/** Whether `link` may have been opened only to be tried beside `other`: who has lost that one opens another, too. */
function mayBeTrial(link: Link, other: Link): boolean {
  return (
    link.path === 'relayed' &&
    link.connection.direction === 'inbound' &&
    other.path === 'relayed' &&
    link.openedAtMs - other.openedAtMs > CROSSING_MS
  )
}
