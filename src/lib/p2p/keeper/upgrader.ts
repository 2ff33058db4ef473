import type { Clock, Logger, Random } from '../../protocol/seams.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import { relayPartOf, webRtcAddress } from '../addresses.ts'
import type { WebRtcBridge } from '../api.ts'
import { Backoff } from '../backoff.ts'
import { UnreachableError } from '../errors.ts'
import type { Node } from '../node.ts'
import type { Link, Links } from './links.ts'

/** How long the side that did not dial leaves the upgrade to the other: longer than a good one takes. */
export const UPGRADE_GRACE_MS = 6_000

/** One upgrade with gathering, signalling and checks. */
export const UPGRADE_TIMEOUT_MS = 20_000

/** Upgrades under way at once. */
export const MAX_UPGRADES = 4

/**
 * RTCPeerConnections of one bridge tab after which upgrades come only every `SPARING_MS`. Chrome gives a tab 500
 * in its life (js-libp2p#2591); the rest is for what others open.
 */
export const CONNECTION_BUDGET = 200

/** The least time between two upgrades once the budget is spent. */
export const SPARING_MS = 5 * 60_000

export interface UpgraderComponents {
  self: PeerIdString
  links: Links
  bridge: WebRtcBridge
  clock: Clock
  random: Random
  log: Logger
  /** Whether a direct connection with this peer is wanted. */
  wanted: (peer: PeerIdString) => boolean
}

interface Attempt {
  backoff: Backoff
  cancelTimer: (() => void) | null
  controller: AbortController | null
}

/**
 * Makes a direct connection over WebRTC beside a relayed one.
 *
 * Who dialled the relayed connection upgrades it; when both dialled, the smaller peer id at once. The other side
 * steps in after `UPGRADE_GRACE_MS`, should nothing have come of it.
 */
export class Upgrader {
  readonly #components: UpgraderComponents
  readonly #attempts = new Map<PeerIdString, Attempt>()
  #node: Node | null = null
  #running = 0
  /** Connections made on the present bridge. */
  #spent = 0
  #lastStartMs = 0

  constructor(components: UpgraderComponents) {
    this.#components = components
    components.links.addEventListener('opened', ({ detail: link }) => {
      this.#opened(link)
    })
    components.links.addEventListener('closed', ({ detail: link }) => {
      this.#closed(link)
    })
  }

  attach(node: Node): void {
    this.#node = node
  }

  /** One more direct connection with who has one already; null where none can be had now. */
  async openLane(peer: PeerIdString, signal: AbortSignal): Promise<Link | null> {
    const { links, bridge, log } = this.#components
    const relayed = links.of(peer).find(({ path }) => path === 'relayed')
    if (relayed === undefined || !bridge.available || !this.#mayStart()) return null
    try {
      return await links.aside(peer, 'direct', () => this.#dial(relayed, signal, true))
    } catch (error) {
      log.debug(`no lane with ${peer}: ${String(error)}`)
      return null
    }
  }

  detach(): void {
    this.#node = null
    for (const peer of [...this.#attempts.keys()]) this.#forget(peer)
  }

  /** Another bridge serves: its budget is new, and whoever is only relayed may now be reached directly. */
  bridgeChanged(): void {
    this.#spent = 0
    this.retry()
  }

  /** Forgets how often it failed, and tries at once. */
  retry(): void {
    for (const peer of [...this.#attempts.keys()]) this.#forget(peer)
    for (const { peer } of this.#components.links.all()) this.consider(peer)
  }

  /** Plans an upgrade when this peer is wanted and only relayed. */
  consider(peer: PeerIdString): void {
    const attempt = this.#attempts.get(peer)
    if (!this.#due(peer) || attempt?.cancelTimer || attempt?.controller) return
    this.#plan(peer, this.#isFirst(peer) ? 0 : UPGRADE_GRACE_MS)
  }

  #opened(link: Link): void {
    if (link.path === 'direct') {
      if (link.initiator !== this.#components.self) this.#spent += 1
      this.#attempts.get(link.peer)?.cancelTimer?.()
      this.#attempts.delete(link.peer)
    } else this.consider(link.peer)
  }

  #closed(link: Link): void {
    if (this.#components.links.best(link.peer) === null) this.#forget(link.peer)
    else this.consider(link.peer)
  }

  #isFirst(peer: PeerIdString): boolean {
    const { links, self } = this.#components
    const initiators = new Set(links.of(peer).map(({ initiator }) => initiator))
    return initiators.has(self) && (initiators.size === 1 || self < peer)
  }

  #due(peer: PeerIdString): boolean {
    const { links, bridge, wanted } = this.#components
    return this.#node !== null && bridge.available && wanted(peer) && links.path(peer) === 'relayed'
  }

  #plan(peer: PeerIdString, delayMs: number): void {
    const attempt = this.#attempts.get(peer) ?? {
      backoff: new Backoff(this.#components.random, { firstMs: 4_000, maxMs: 10 * 60_000 }),
      cancelTimer: null,
      controller: null,
    }
    this.#attempts.set(peer, attempt)
    attempt.cancelTimer?.()
    attempt.cancelTimer = this.#components.clock.after(delayMs, () => {
      attempt.cancelTimer = null
      if (!this.#due(peer)) this.#attempts.delete(peer)
      else if (!this.#mayStart()) this.#plan(peer, UPGRADE_GRACE_MS)
      else void this.#upgrade(peer, attempt)
    })
  }

  #mayStart(): boolean {
    if (this.#running >= MAX_UPGRADES) return false
    return (
      this.#spent < CONNECTION_BUDGET ||
      this.#components.clock.now() - this.#lastStartMs >= SPARING_MS
    )
  }

  async #upgrade(peer: PeerIdString, attempt: Attempt): Promise<void> {
    const relayed = this.#components.links.best(peer)
    if (relayed === null) return
    const { clock, log } = this.#components
    const controller = new AbortController()
    attempt.controller = controller
    const startMs = clock.now()
    try {
      await this.#dial(relayed, controller.signal, false)
      log.info(`direct connection with ${peer} after ${clock.now() - startMs} ms`)
    } catch (error) {
      log.debug(`no direct connection with ${peer}: ${String(error)}`)
      attempt.controller = null
      if (this.#attempts.get(peer) === attempt && this.#due(peer)) {
        this.#plan(peer, attempt.backoff.next())
      }
    } finally {
      attempt.controller = null
    }
  }

  /** Dials directly who is reached over this relayed connection; `beside` a direct one that is there, too. */
  async #dial({ peer, connection }: Link, signal: AbortSignal, beside: boolean): Promise<void> {
    const relay = relayPartOf(connection.remoteAddr)
    if (this.#node === null || relay === null) throw new UnreachableError('no relay leads to it')
    const { clock } = this.#components
    const limit = new AbortController()
    const cancelLimit = clock.after(UPGRADE_TIMEOUT_MS, () => {
      limit.abort(new DOMException('the upgrade took too long', 'TimeoutError'))
    })
    this.#running += 1
    this.#spent += 1
    this.#lastStartMs = clock.now()
    try {
      await this.#node.libp2p.dial(webRtcAddress(relay, peer), {
        signal: AbortSignal.any([signal, limit.signal]),
        force: beside,
      })
    } finally {
      cancelLimit()
      this.#running -= 1
    }
  }

  #forget(peer: PeerIdString): void {
    const attempt = this.#attempts.get(peer)
    if (attempt === undefined) return
    this.#attempts.delete(peer)
    attempt.cancelTimer?.()
    attempt.controller?.abort(new DOMException('no longer needed', 'AbortError'))
  }
}
