import { operatorOf } from '../../p2p/relay-book/ranking.ts'
import { originsOf, parseRelayAddress } from '../../p2p/addresses.ts'
import { Backoff } from '../../p2p/backoff.ts'
import { epochOf, type CardKeys } from '../../crypto/mailbox-keys.ts'
import { toBase64url } from '../../protocol/base64url.ts'
import { StarlingError } from '../../protocol/errors.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import { ITEM_LIFE_MS } from '../../protocol/mailbox.ts'
import type { ItemTaken } from '../post.ts'
import { PLACE_PASSES, PLACE_RELAYS, type Place } from '../../protocol/place.ts'
import { LyingRelayError } from './errors.ts'
import { grant } from './grant.ts'
import { MailboxVisits, type VisitComponents, type VisitInit } from './mailbox-visit.ts'
import { RelayMailboxes } from './relay-mailboxes.ts'
import { Signposts, type SignpostRelay } from './signposts.ts'
import type { MailboxRelay, MailboxRelayStore, WakeUpsStore } from './store.ts'
import type { MailboxTransport } from './transport.ts'
import { WakeUps, type WakeAddress, type WakingRelay } from './wake-ups.ts'

/** Between two visits at a relay, ms: a time in between by chance, so that visits of one person at two relays differ. */
export const VISIT_AFTER_MS = { least: 60_000, most: 180_000 }

/** Mailboxes of earlier epochs are visited this often, ms. */
const EVERYWHERE_AFTER_MS = 60 * 60 * 1000

/** A relay that nobody is told of any more is visited until what was put there last has expired, ms. */
const RETIREMENT_MS = 2 * ITEM_LIFE_MS

/** A relay that does not answer for this long is replaced, ms. */
const UNREACHABLE_MS = 3 * 24 * 60 * 60 * 1000

/** How long a relay that was caught is not used, ms. */
const DISGRACE_MS = 90 * 24 * 60 * 60 * 1000

const RETRY = { firstMs: 1_000, maxMs: 5 * 60_000 }

/** A relay that could not be told yet where to wake is visited again after this, ms. */
const TELL_AFTER_MS = 1_000

export interface OwnMailboxesComponents extends VisitComponents {
  transport: MailboxTransport
  store: MailboxRelayStore
  wakeUps: WakeUpsStore
  devices: VisitInit['devices']
  /** Relays of mine that answer, as they are named in cards; the best first. */
  relays(): string[]
}

export interface OwnMailboxesInit {
  /** Everybody who may have a pass. */
  contacts(): PeerIdString[]
  take(item: Uint8Array, from: PeerIdString | null): Promise<ItemTaken>
  /** Where I can be written to has changed. */
  onMoved(): void
}

interface Visitor {
  relay: MailboxRelay
  visits: MailboxVisits
  mailboxes: RelayMailboxes
  backoff: Backoff
  cancel: (() => void) | null
  busy: boolean
  /** Wanted once more while it is under way. */
  again: boolean
  /** Told once the next visit is over. */
  waiting: (() => void)[]
  lastEverywhereAtMs: number
  /** Of the visits that failed without one that did not between them, the first; null when the last did not. */
  failingSinceMs: number | null
}

/**
 * My mailboxes: which relays keep them, and the visits there. Guarantees: up to three relays of different stores, and
 * of different operators where there are any; one that loses, changes or brings back items, or does not answer for
 * days, is replaced, and still visited until nothing of use can lie there.
 */
export class OwnMailboxes {
  readonly wakeUps: WakeUps
  readonly #components: OwnMailboxesComponents
  readonly #init: OwnMailboxesInit
  readonly #signposts: Signposts
  readonly #visitors = new Map<string, Visitor>()
  #life: AbortController | null = null
  #working = new Set<Promise<void>>()
  #looking = false
  /** Between looks for relays, while one that is wanted does not answer. */
  readonly #lookAgain: Backoff
  #cancelLook: (() => void) | null = null

  constructor(components: OwnMailboxesComponents, init: OwnMailboxesInit) {
    this.#components = components
    this.#signposts = new Signposts(components)
    this.#init = init
    const { identity, logger, random, wakeUps: store } = components
    this.#lookAgain = new Backoff(random, RETRY)
    this.wakeUps = new WakeUps(
      { identity, store, logger },
      { relays: () => [...this.#visitors.values()].map((visitor) => this.#waking(visitor)) },
    )
  }

  async start(): Promise<void> {
    if (this.#life !== null) return
    this.#life = new AbortController()
    await this.wakeUps.start()
    for (const relay of await this.#components.store.all()) this.#remember(relay)
    for (const visitor of this.#visitors.values()) this.#plan(visitor, 0)
    this.relaysChanged()
  }

  async stop(): Promise<void> {
    this.#life?.abort()
    this.#life = null
    this.#cancelLook?.()
    for (const { cancel } of this.#visitors.values()) cancel?.()
    await Promise.all(this.#working)
    for (const visitor of this.#visitors.values()) tellWaiting(visitor.waiting)
    this.#visitors.clear()
  }

  /** What each relay that keeps my mailboxes has to say for itself. */
  relays(): MailboxRelay[] {
    return [...this.#visitors.values()].map(({ relay }) => relay)
  }

  /** Where this contact can write to me: passes for this epoch and those to come. */
  async place(contact: PeerIdString): Promise<Place> {
    const { clock, identity } = this.#components
    const active = this.#active()
    // Relays' clocks decide over passes; where they differ from mine, the first or last of these is of no use.
    const first = epochOf(clock.now())
    const epochs = Array.from({ length: PLACE_PASSES }, (_, ahead) => first + ahead)
    return {
      relays: active.map(({ relay: { key, address } }) => ({ key, address })),
      passes: await Promise.all(
        epochs.map((epoch) => {
          const owner = identity.contactsMailbox(epoch)
          const name = identity.senderName(epoch, contact)
          return grant(owner, epoch, name, identity.senderSecret(epoch, contact))
        }),
      ),
    }
  }

  /** Visits all at once: the network, the device or the person is back, or a push came. */
  wake(): void {
    this.#lookAgain.reset()
    for (const visitor of this.#visitors.values()) {
      visitor.backoff.reset()
      visitor.visits.lookAgain()
      this.#plan(visitor, 0)
    }
    this.relaysChanged()
  }

  /** Visits all at once, and resolves when each was visited or did not answer. */
  async visit(): Promise<void> {
    if (this.#life === null) return
    const visited = [...this.#visitors.values()].map(
      ({ waiting }) => new Promise<void>((resolve) => waiting.push(resolve)),
    )
    this.wake()
    await Promise.all(visited)
  }

  /** Relays at which somebody's prekeys are, by what mine find in the DHT. */
  follow(card: CardKeys, signal: AbortSignal): Promise<string[]> {
    const relays: SignpostRelay[] = this.#active().map(({ relay: { address }, mailboxes }) => {
      return { address, mailboxes }
    })
    return this.#signposts.follow(card, relays, signal)
  }

  /** Where relays are to wake this browser; null: nowhere any more. @throws StorageFullError */
  async wakeAt(address: WakeAddress | null): Promise<void> {
    await this.wakeUps.wakeAt(address)
    for (const visitor of this.#visitors.values()) this.#plan(visitor, 0)
  }

  /** `relays` may give others now. */
  relaysChanged(): void {
    if (this.#life === null || this.#looking) return
    this.#looking = true
    this.#cancelLook?.()
    this.#work(async (signal) => {
      let answered: boolean
      try {
        answered = await this.#settle(signal)
      } finally {
        this.#looking = false
      }
      if (answered) this.#lookAgain.reset()
      else this.#planLook()
    })
  }

  #planLook(): void {
    this.#cancelLook = this.#components.clock.after(this.#lookAgain.next(), () => {
      this.#cancelLook = null
      this.relaysChanged()
    })
  }

  /**
   * Looks for relays until there are as many as wanted: each of another operator first, of one there is already rather than
   * none. Of two with one operator, one goes once another is known. @returns whether each that is of use answered
   */
  async #settle(signal: AbortSignal): Promise<boolean> {
    let answered = true
    const again: string[] = []
    for (const address of this.#components.relays()) {
      if (this.#active().length >= PLACE_RELAYS && this.#spare() === undefined) return true
      if (this.#operators().includes(operatorAt(address))) again.push(address)
      else {
        if (!(await this.#settleAt(address, signal))) answered = false
        const spare = this.#spare()
        if (this.#kept().length > PLACE_RELAYS && spare !== undefined) {
          await this.#retire(spare, false)
        }
      }
    }
    for (const address of again) {
      if (this.#active().length >= PLACE_RELAYS) return true
      if (!(await this.#settleAt(address, signal))) answered = false
    }
    return answered
  }

  /** Takes a mailbox at this relay, if it is of use. @returns whether it answered, if it is */
  async #settleAt(address: string, signal: AbortSignal): Promise<boolean> {
    const { clock, logger, store, transport } = this.#components
    const known = this.#visitors.get(address)
    if (known !== undefined && !this.#mayReturn(known.relay)) return true
    const origins = originsOf(parseRelayAddress(address))
    if (origins.length === 0) return true
    try {
      const mailboxes = new RelayMailboxes({ transport, clock }, { origins, key: null })
      const info = await mailboxes.info(signal)
      const storeId = toBase64url(info.store)
      if (this.#active().some(({ relay }) => relay.store === storeId)) return true
      const relay: MailboxRelay = {
        address,
        key: info.relay,
        store: storeId,
        sinceMs: clock.now(),
        retiredAtMs: null,
        caught: false,
        announced: null,
        published: null,
        canary: null,
      }
      await store.put(relay)
      this.#plan(this.#remember(relay), 0)
      logger.info(`mailboxes at ${address}`)
      this.#init.onMoved()
      return true
    } catch (error) {
      signal.throwIfAborted()
      logger.debug(`no mailboxes at ${address}: ${String(error)}`)
      return false
    }
  }

  /** Who runs the relays with mailboxes. */
  #operators(): string[] {
    return this.#active().map(({ relay }) => operatorAt(relay.address))
  }

  /** The last to come of those whose operator has another of them, too. */
  #spare(): Visitor | undefined {
    const operators = this.#operators()
    const isTwice = (operator: string) => operators.filter((each) => each === operator).length > 1
    return this.#active().findLast(({ relay }) => isTwice(operatorAt(relay.address)))
  }

  #kept(): Visitor[] {
    return [...this.#visitors.values()].filter(({ relay }) => relay.retiredAtMs === null)
  }

  #active(): Visitor[] {
    return this.#kept().slice(0, PLACE_RELAYS)
  }

  #waking(visitor: Visitor): WakingRelay {
    const { mailboxes, relay } = visitor
    return { address: relay.address, mailboxes, active: this.#active().includes(visitor) }
  }

  #mayReturn({ retiredAtMs, caught }: MailboxRelay): boolean {
    if (retiredAtMs === null) return false
    return !caught || this.#components.clock.now() > retiredAtMs + DISGRACE_MS
  }

  #isPresent(visitor: Visitor): boolean {
    return this.#visitors.get(visitor.relay.address) === visitor
  }

  #remember(relay: MailboxRelay): Visitor {
    const { clock, random, transport } = this.#components
    const origins = originsOf(parseRelayAddress(relay.address))
    const mailboxes = new RelayMailboxes({ transport, clock }, { origins, key: relay.key })
    const visits = new MailboxVisits(this.#components, {
      mailboxes,
      senders: (epoch) => Promise.resolve(this.#senders(epoch)),
      devices: this.#components.devices,
      wakes: () => this.wakeUps.wakesFor(this.#waking(visitor)),
      take: (item, from) => this.#init.take(item, from),
    })
    const visitor: Visitor = {
      relay,
      visits,
      mailboxes,
      backoff: new Backoff(random, RETRY),
      cancel: null,
      busy: false,
      again: false,
      waiting: [],
      lastEverywhereAtMs: -Infinity,
      failingSinceMs: null,
    }
    // One that is back is another from now on.
    this.#visitors.get(relay.address)?.cancel?.()
    this.#visitors.set(relay.address, visitor)
    return visitor
  }

  #senders(epoch: number): ReadonlyMap<string, PeerIdString> {
    const { identity } = this.#components
    const all = [identity.peer, ...this.#init.contacts()]
    return new Map(all.map((peer) => [toBase64url(identity.senderName(epoch, peer)), peer]))
  }

  #plan(visitor: Visitor, afterMs: number): void {
    if (this.#life === null) return
    if (visitor.busy) {
      visitor.again = true
      return
    }
    visitor.cancel?.()
    visitor.cancel = this.#components.clock.after(afterMs, () => {
      visitor.cancel = null
      this.#work((signal) => this.#visit(visitor, signal))
    })
  }

  async #visit(visitor: Visitor, signal: AbortSignal): Promise<void> {
    const { clock, random, store } = this.#components
    const nowMs = clock.now()
    visitor.busy = true
    let nextMs: number
    try {
      if (await this.#lookIn(visitor, nowMs, signal)) {
        const { least, most } = VISIT_AFTER_MS
        nextMs = least + random.fraction() * (most - least)
        if (!(await this.#tell(visitor, signal))) nextMs = TELL_AFTER_MS
      } else {
        nextMs = visitor.backoff.next()
      }
    } finally {
      visitor.busy = false
    }
    if (signal.aborted || !this.#isPresent(visitor)) return
    const { retiredAtMs } = visitor.relay
    if (retiredAtMs !== null && nowMs > retiredAtMs + RETIREMENT_MS && !visitor.relay.caught) {
      this.#visitors.delete(visitor.relay.address)
      await store.delete(visitor.relay.address)
      return
    }
    this.#plan(visitor, visitor.again ? 0 : nextMs)
    visitor.again = false
  }

  /** Takes what is there. @returns whether the relay did as it should */
  async #lookIn(visitor: Visitor, nowMs: number, signal: AbortSignal): Promise<boolean> {
    const { logger, store } = this.#components
    const everywhere = Math.abs(nowMs - visitor.lastEverywhereAtMs) >= EVERYWHERE_AFTER_MS
    const waiting = visitor.waiting.splice(0)
    const { wakeKey } = visitor.mailboxes
    try {
      const before = visitor.relay
      const { relay } = await visitor.visits.visit(before, everywhere, signal)
      if (!this.#isPresent(visitor)) return false
      if (relay !== before) {
        // It may have been given up meanwhile.
        const { retiredAtMs, caught } = visitor.relay
        visitor.relay = { ...relay, retiredAtMs, caught }
        await store.put(visitor.relay)
      }
      visitor.failingSinceMs = null
      if (everywhere) visitor.lastEverywhereAtMs = nowMs
      visitor.backoff.reset()
      if (visitor.mailboxes.wakeKey !== wakeKey) this.wakeUps.heard()
      return true
    } catch (error) {
      if (signal.aborted || !this.#isPresent(visitor)) return false
      logger.info(`no visit at ${visitor.relay.address}: ${String(error)}`)
      const caught = error instanceof LyingRelayError
      // A device that sleeps for days has not been refused for days.
      visitor.failingSinceMs ??= nowMs
      if (caught || nowMs > visitor.failingSinceMs + UNREACHABLE_MS) {
        await this.#retire(visitor, caught)
      }
      if (!(error instanceof StarlingError)) logger.error('a visit at mailboxes', error)
      return false
    } finally {
      tellWaiting(waiting)
    }
  }

  /**
   * Tells the relay what it is to know besides. That this fails is no failure of the visit.
   * @returns false when it can be told the rest in a second
   */
  async #tell(visitor: Visitor, signal: AbortSignal): Promise<boolean> {
    const { logger } = this.#components
    const { address, retiredAtMs } = visitor.relay
    const missed = (what: string, error: unknown): void => {
      if (signal.aborted) return
      if (error instanceof StarlingError) logger.info(`${what} ${address}: ${error.message}`)
      else logger.error(`${what} ${address}`, error)
    }
    try {
      if (retiredAtMs === null) await this.#putUpSignpost(visitor, signal)
    } catch (error) {
      missed('no signpost at', error)
    }
    try {
      return await this.wakeUps.tell(this.#waking(visitor), signal)
    } catch (error) {
      missed('not told where to wake:', error)
      return true
    }
  }

  async #putUpSignpost(
    { relay: { address }, mailboxes }: Visitor,
    signal: AbortSignal,
  ): Promise<void> {
    const addresses = this.#active().map(({ relay }) => relay.address)
    await this.#signposts.putUp({ address, mailboxes }, addresses, signal)
  }

  async #retire(visitor: Visitor, caught: boolean): Promise<void> {
    if (visitor.relay.retiredAtMs !== null) return
    const { clock, logger, store } = this.#components
    visitor.relay = { ...visitor.relay, retiredAtMs: clock.now(), caught }
    logger.warn(`${visitor.relay.address} keeps no mailboxes of mine any more`)
    try {
      await store.put(visitor.relay)
    } catch (error) {
      // It is found out again after a restart; until then it holds all the same.
      logger.warn(`not written down: ${String(error)}`)
    }
    this.#init.onMoved()
    this.relaysChanged()
  }

  /** Nothing of it is left once the mailboxes have stopped. */
  #work(work: (signal: AbortSignal) => Promise<void>): void {
    const { signal } = this.#life!
    const working = work(signal)
      .catch((error: unknown) => {
        if (!signal.aborted) this.#components.logger.error('mailboxes', error)
      })
      .finally(() => {
        this.#working.delete(working)
      })
    this.#working.add(working)
  }
}

function tellWaiting(waiting: readonly (() => void)[]): void {
  for (const tell of waiting) tell()
}

function operatorAt(address: string): string {
  return operatorOf(parseRelayAddress(address).host)
}
