import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { isPeerId, type PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Logger, Random } from '../../protocol/seams.ts'
import type { ChannelInit, Channels } from '../api.ts'
import { Backoff } from '../backoff.ts'
import { ChannelClosedError, SupersededError } from '../errors.ts'
import { beats, type Link, type Links } from '../keeper/links.ts'
import { StreamChannel } from './stream-channel.ts'
import { MAX_LANES, WideChannel } from './wide-channel.ts'

/** How long the side that was dialled leaves it to the other to open a channel first. */
export const OPEN_GRACE_MS = 2_000

/** A channel on a worse connection that arrives this soon after ours on a better one has crossed it. */
export const CROSSING_CHANNELS_MS = 2_000

/** How long opening a channel may take, the other side's consent included. */
export const OPEN_TIMEOUT_MS = 10_000

/** A channel that lived this long was a good one: the next is opened without delay. */
export const STEADY_MS = 30_000

/** Streams of one protocol on one connection: one that lives, and some that give way to it. */
const MAX_STREAMS = 8

/** What serves protocols: a browser's node, or a relay's. */
export interface ServingNode {
  libp2p: Pick<Libp2p, 'handle' | 'unhandle'>
}

export interface ChannelsComponents {
  self: PeerIdString
  links: Links
  clock: Clock
  random: Random
  log: Logger
  /** This connection may be dead: the peer uses a worse one. */
  doubt(link: Link): void
  /** Told before something is sent over this link. */
  sent?(link: Link): void
  /** One more direct connection with who has one already; null where none can be had, or none is worth it. */
  openLane(peer: PeerIdString, signal: AbortSignal): Promise<Link | null>
}

interface Active {
  channel: StreamChannel
  /** The same with its lanes, where frames may be spread. */
  wide: WideChannel | null
  link: Link
  sinceMs: number
}

interface Opening {
  link: Link
  controller: AbortController
}

/** One protocol with one peer. */
interface Slot {
  peer: PeerIdString
  backoff: Backoff
  active: Active | null
  opening: Opening | null
  cancelTimer: (() => void) | null
}

interface Service {
  init: ChannelInit
  slots: Map<PeerIdString, Slot>
}

/**
 * One living channel for each protocol and connected peer that want one.
 *
 * Who dialled the connection opens the channel; the other side does if nothing came. When two are opened at
 * once on one connection, the smaller peer id's stays: each side sees from its own half-open one that they
 * have crossed. Otherwise the newest is the one that lives.
 *
 * A wide channel has lanes besides: streams of `PROTOCOL/lane` on direct connections that the side opened which wants more.
 */
export class LinkChannels implements Channels {
  readonly #components: ChannelsComponents
  readonly #services = new Map<string, Service>()
  #node: ServingNode | null = null

  constructor(components: ChannelsComponents) {
    this.#components = components
    for (const type of ['opened', 'counts'] as const) {
      components.links.addEventListener(type, ({ detail: { peer } }) => {
        for (const service of this.#services.values()) void this.#consider(service, peer, false)
      })
    }
    components.links.addEventListener('closed', ({ detail: { peer } }) => {
      // A channel ends before the connection that ends it: only now is it known that another one is left, or none.
      for (const service of this.#services.values()) {
        const slot = service.slots.get(peer)
        if (slot?.active === null && slot.opening === null) this.#later(service, slot, 0)
      }
    })
  }

  async attach(node: ServingNode): Promise<void> {
    this.#node = node
    for (const service of this.#services.values()) await this.#serve(node, service)
  }

  /** Ends all channels; what is handled stays known for the next `attach`. */
  async detach(): Promise<void> {
    const node = this.#node
    this.#node = null
    for (const service of this.#services.values()) {
      this.#end(service)
      for (const protocol of protocolsOf(service)) await node?.libp2p.unhandle(protocol)
    }
  }

  async handle(init: ChannelInit): Promise<() => Promise<void>> {
    const service: Service = { init, slots: new Map() }
    this.#services.set(init.protocol, service)
    if (this.#node !== null) await this.#serve(this.#node, service)
    for (const { peer } of this.#components.links.all()) void this.#consider(service, peer, true)
    return async () => {
      if (this.#services.get(init.protocol) !== service) return
      this.#services.delete(init.protocol)
      this.#end(service)
      for (const protocol of protocolsOf(service)) await this.#node?.libp2p.unhandle(protocol)
    }
  }

  offer(protocol: string, peer: PeerIdString): void {
    const service = this.#services.get(protocol)
    if (service !== undefined) void this.#consider(service, peer, true)
  }

  async #serve(node: ServingNode, service: Service): Promise<void> {
    const limits = { maxInboundStreams: MAX_STREAMS, maxOutboundStreams: MAX_STREAMS }
    await node.libp2p.handle(
      service.init.protocol,
      (stream, connection) => {
        void this.#inbound(service, stream, connection)
      },
      { ...limits, runOnLimitedConnection: true },
    )
    if (service.init.wide !== true) return
    await node.libp2p.handle(
      laneOf(service),
      (stream, connection) => {
        void this.#inboundLane(service, stream, connection)
      },
      limits,
    )
  }

  /**
   * Opens a channel on the connection that counts, if one is wanted and not there yet. `now` when there is a
   * reason not to leave it to the side that dialled.
   */
  async #consider(service: Service, peer: PeerIdString, now: boolean): Promise<void> {
    const wanted = await this.#wanted(service, peer)
    const slot = service.slots.get(peer)
    if (!wanted) {
      if (slot === undefined) return
      if (!takes(service, peer)) {
        this.#endSlot(service, slot)
        return
      }
      // What was taken moves all the same: the other side may not know yet which connection counts.
      if (slot.active === null) return
    }
    const link = this.#components.links.best(peer)
    if (link === null || this.#node === null || !this.#serves(service)) return
    const open = slot ?? this.#slot(service, peer)
    if (open.active?.link === link || open.opening?.link === link) return
    if (now || link.initiator === this.#components.self) await this.#open(service, open, link)
    else this.#later(service, open, OPEN_GRACE_MS)
  }

  /** Whether a channel is taken that the peer opens. */
  async #taken(service: Service, peer: PeerIdString): Promise<boolean> {
    return takes(service, peer) || (await this.#wanted(service, peer))
  }

  async #wanted(service: Service, peer: PeerIdString): Promise<boolean> {
    try {
      return await service.init.accept(peer)
    } catch (error) {
      this.#components.log.error(
        `${service.init.protocol} cannot say whether it wants a channel`,
        error,
      )
      return false
    }
  }

  async #open(service: Service, slot: Slot, link: Link): Promise<void> {
    slot.cancelTimer?.()
    slot.cancelTimer = null
    slot.opening?.controller.abort(new SupersededError('opened on a better connection'))
    const opening: Opening = { link, controller: new AbortController() }
    slot.opening = opening
    const cancelLimit = this.#components.clock.after(OPEN_TIMEOUT_MS, () => {
      opening.controller.abort(new ChannelClosedError('the peer does not take the channel'))
    })
    const { signal } = opening.controller
    let channel: StreamChannel | null = null
    try {
      const stream = await link.connection.newStream(service.init.protocol, {
        signal,
        runOnLimitedConnection: true,
      })
      channel = this.#channel(service, stream, link)
      const { ready } = channel
      signal.addEventListener('abort', () => channel?.close(signal.reason as Error))
      signal.throwIfAborted()
      channel.open()
      await ready
      slot.opening = null
      this.#install(service, slot, channel, link)
    } catch (error) {
      const cause = error instanceof Error ? error : new ChannelClosedError('not opened')
      channel?.close(cause)
      if (slot.opening !== opening) return
      slot.opening = null
      this.#components.log.debug(
        `${service.init.protocol} with ${slot.peer} not opened: ${cause.name}: ${cause.message}`,
      )
      // Who does not know the protocol will not learn it on this connection.
      if (cause.name !== 'UnsupportedProtocolError') {
        // Nor does it matter how often it was tried on one that is gone.
        const isLeft = this.#components.links.of(slot.peer).includes(link)
        this.#later(service, slot, isLeft ? slot.backoff.next() : 0)
      }
    } finally {
      cancelLimit()
    }
  }

  async #inbound(service: Service, stream: Stream, connection: Connection): Promise<void> {
    const link = this.#linkOf(connection)
    if (link === undefined || !(await this.#taken(service, link.peer))) {
      stream.abort(new ChannelClosedError('not wanted'))
      return
    }
    this.#components.links.count(link)
    const channel = this.#channel(service, stream, link)
    const cancelLimit = this.#components.clock.after(OPEN_TIMEOUT_MS, () => {
      channel.close(new ChannelClosedError('opened and left'))
    })
    try {
      await channel.ready
    } catch {
      // It has ended already, and nobody was told of it yet.
      return
    } finally {
      cancelLimit()
    }
    // Much can change while the peer takes its time.
    const taken = await this.#taken(service, link.peer)
    if (!taken || !this.#serves(service) || channel.closed.aborted) {
      channel.close(new ChannelClosedError('no longer wanted'))
      return
    }
    const slot = this.#slot(service, link.peer)
    if (this.#yieldsTo(slot, link)) {
      channel.close(new SupersededError('crossed one that stays'))
      return
    }
    slot.opening?.controller.abort(new SupersededError('the peer opened first'))
    slot.opening = null
    if (slot.active !== null && slot.active.link !== link && beats(slot.active.link, link)) {
      this.#components.doubt(slot.active.link)
    }
    channel.open()
    this.#install(service, slot, channel, link)
  }

  /** A lane for the channel that lives. */
  async #inboundLane(service: Service, stream: Stream, connection: Connection): Promise<void> {
    const link = this.#linkOf(connection)
    const active = link && service.slots.get(link.peer)?.active
    if (!active?.wide?.vacant || link?.path !== 'direct' || active.link === link) {
      stream.abort(new ChannelClosedError('no lane is wanted'))
      return
    }
    this.#components.links.setAside(link)
    const lane = this.#channel(service, stream, link)
    const cancelLimit = this.#components.clock.after(OPEN_TIMEOUT_MS, () => {
      lane.close(new ChannelClosedError('opened and left'))
    })
    try {
      await lane.ready
      lane.open()
      active.wide.add(lane)
    } catch {
      // It has ended already.
    } finally {
      cancelLimit()
    }
  }

  /** Opens what lanes the channel takes, one after the other. */
  async #widen(service: Service, { wide, link, channel }: Active): Promise<void> {
    if (wide === null || link.path !== 'direct') return
    for (let opened = 0; opened < MAX_LANES && wide.vacant > 0; opened += 1) {
      const lane = await this.#components.openLane(link.peer, channel.closed)
      if (lane === null) return
      const end = (): void => {
        // Gracefully: what the other side still has on the way is read.
        lane.connection.close().catch((error: unknown) => {
          lane.connection.abort(error as Error)
        })
      }
      try {
        const stream = await this.#openLane(service, lane, channel.closed)
        stream.closed.addEventListener('abort', end)
        wide.add(stream)
      } catch (error) {
        this.#components.log.debug(`no lane with ${link.peer}: ${String(error)}`)
        end()
        return
      }
    }
  }

  async #openLane(service: Service, link: Link, closed: AbortSignal): Promise<StreamChannel> {
    const limit = new AbortController()
    const cancelLimit = this.#components.clock.after(OPEN_TIMEOUT_MS, () => {
      limit.abort(new ChannelClosedError('the peer does not take the lane'))
    })
    const signal = AbortSignal.any([limit.signal, closed])
    try {
      const lane = this.#channel(
        service,
        await link.connection.newStream(laneOf(service), { signal }),
        link,
      )
      const close = (): void => {
        lane.close(signal.reason as Error)
      }
      signal.addEventListener('abort', close)
      if (signal.aborted) close()
      lane.open()
      await lane.ready
      signal.removeEventListener('abort', close)
      return lane
    } finally {
      cancelLimit()
    }
  }

  #linkOf(connection: Connection): Link | undefined {
    const peer = connection.remotePeer.toString()
    if (!isPeerId(peer)) return undefined
    return this.#components.links.of(peer).find(({ id }) => id === connection.id)
  }

  /** Whether a channel that arrived on `link` gives way to what this side has or is opening. */
  #yieldsTo(slot: Slot, link: Link): boolean {
    const { opening, active } = slot
    if (opening !== null) {
      if (opening.link === link) return this.#components.self < slot.peer
      return beats(opening.link, link)
    }
    if (active === null || active.link === link) return false
    const fresh = this.#components.clock.now() - active.sinceMs < CROSSING_CHANNELS_MS
    return fresh && beats(active.link, link)
  }

  #install(service: Service, slot: Slot, channel: StreamChannel, link: Link): void {
    const { clock } = this.#components
    const wide =
      service.init.wide === true
        ? new WideChannel(channel, { clock, onWiden: () => void this.#widen(service, active) })
        : null
    const active: Active = { channel, wide, link, sinceMs: clock.now() }
    slot.cancelTimer?.()
    slot.cancelTimer = null
    const before = slot.active
    slot.active = active
    before?.channel.close()
    channel.closed.addEventListener('abort', () => {
      this.#closed(service, slot, active)
    })
    if (channel.closed.aborted) this.#closed(service, slot, active)
    else service.init.onChannel(wide ?? channel)
    // A better connection may have come while it was opened, and nobody have opened one there.
    if (slot.active === active && this.#components.links.best(slot.peer) !== link) {
      this.#later(service, slot, OPEN_GRACE_MS)
    }
  }

  #closed(service: Service, slot: Slot, active: Active): void {
    if (slot.active !== active) return
    slot.active = null
    const { failure } = active.channel
    const why = failure === null ? '' : `: ${failure.name}: ${failure.message}`
    this.#components.log.debug(`${service.init.protocol} with ${slot.peer} closed${why}`)
    if (this.#components.clock.now() - active.sinceMs >= STEADY_MS) slot.backoff.reset()
    const lost = active.link.connection.status !== 'open'
    this.#later(service, slot, lost ? 0 : slot.backoff.next())
  }

  /** Considers this peer again after `delayMs`, unless something happens before. */
  #later(service: Service, slot: Slot, delayMs: number): void {
    slot.cancelTimer?.()
    slot.cancelTimer = this.#components.clock.after(delayMs, () => {
      slot.cancelTimer = null
      if (this.#components.links.best(slot.peer) === null) service.slots.delete(slot.peer)
      else void this.#consider(service, slot.peer, true)
    })
  }

  #channel(service: Service, stream: Stream, link: Link): StreamChannel {
    return new StreamChannel(stream, {
      peer: link.peer,
      path: link.path,
      maxFrameBytes: service.init.maxFrameBytes,
      onSend: () => this.#components.sent?.(link),
    })
  }

  #slot(service: Service, peer: PeerIdString): Slot {
    const known = service.slots.get(peer)
    if (known !== undefined) return known
    const backoff = new Backoff(this.#components.random, { firstMs: 1_000, maxMs: 5 * 60_000 })
    const slot: Slot = { peer, backoff, active: null, opening: null, cancelTimer: null }
    service.slots.set(peer, slot)
    return slot
  }

  #serves(service: Service): boolean {
    return this.#node !== null && this.#services.get(service.init.protocol) === service
  }

  #end(service: Service): void {
    for (const slot of service.slots.values()) this.#endSlot(service, slot)
  }

  #endSlot(service: Service, slot: Slot): void {
    service.slots.delete(slot.peer)
    slot.cancelTimer?.()
    slot.cancelTimer = null
    slot.opening?.controller.abort(new ChannelClosedError('no longer wanted'))
    slot.opening = null
    const active = slot.active
    slot.active = null
    active?.channel.close()
  }
}

function laneOf({ init }: Service): string {
  return `${init.protocol}/lane`
}

function protocolsOf(service: Service): string[] {
  return [service.init.protocol, ...(service.init.wide === true ? [laneOf(service)] : [])]
}

function takes({ init }: Service, peer: PeerIdString): boolean {
  return init.takes?.(peer) === true
}
