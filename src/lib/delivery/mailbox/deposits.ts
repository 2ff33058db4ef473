import {
  epochOf,
  epochsWithin,
  introductionMailbox,
  openWithCard,
  type CardKeys,
} from '../../crypto/mailbox-keys.ts'
import { BUNDLE_LIFE_MS } from '../../crypto/prekeys.ts'
import type { Receipt } from '../../db/schema.ts'
import { originsOf, parseRelayAddress } from '../../p2p/addresses.ts'
import { Backoff } from '../../p2p/backoff.ts'
import { toBase64url } from '../../protocol/base64url.ts'
import { StarlingError } from '../../protocol/errors.ts'
import { publicKeyOf, type PeerIdString } from '../../protocol/ids.ts'
import { passes, type Grant } from '../../protocol/mailbox.ts'
import type { Clock, Logger, Random } from '../../protocol/seams.ts'
import type { Post } from '../post.ts'
import { keysCodec } from '../keys.ts'
import { grantsOf, PLACE_RELAYS, type Place } from '../../protocol/place.ts'
import type { Owed } from '../chain.ts'
import { LyingRelayError, NoAnswerError } from './errors.ts'
import { RelayMailboxes } from './relay-mailboxes.ts'
import type { MailboxTransport } from './transport.ts'

/** Stores that are enough to call something stored (promises: delivery, 4). */
export const QUORUM = 2

/** A peer that connects within this needs no mailbox, ms; by chance up to twice as long. */
export const GRACE_MS = 1_500

/** A channel that brings no acknowledgement for this long is doubted, ms. */
const CHANNEL_PATIENCE_MS = 15_000

/** Messages put at once; the rest follows. */
const BATCH = 64

/** A relay of theirs that was caught lying is asked again after this, ms. */
const DISGRACE_MS = 24 * 60 * 60 * 1000

/** Somebody's signpost is looked for again after this: the first time, and at most. */
const FOLLOW = { firstMs: 60_000, maxMs: 60 * 60_000 }

const RETRY = { firstMs: 1_000, maxMs: 5 * 60_000 }

/** What has lain at relays for so long that it must be put there again is looked for so often, ms. */
const LOOK_MS = 24 * 60 * 60 * 1000

/** What a contact's card says, for when nothing newer is known. */
export interface Contactable {
  relays: readonly string[]
  /** Null while no card was seen: then they cannot be written to before they are met. */
  keyCommitment: Uint8Array | null
}

export interface DepositsComponents {
  transport: MailboxTransport
  clock: Clock
  random: Random
  logger: Logger
}

export interface DepositsInit {
  delivery: Pick<
    Post,
    | 'talksWith'
    | 'waiting'
    | 'lacking'
    | 'owed'
    | 'seal'
    | 'sealOwed'
    | 'kept'
    | 'keptOwed'
    | 'openAlone'
    | 'beginAnew'
    | 'settleOwed'
    | 'placeOf'
  >
  /** Null for those with whom nothing is exchanged. */
  contactable(peer: PeerIdString): Contactable | null
  /** Relays somebody's signpost leads to, for when none is known that answers. */
  follow(card: CardKeys, signal: AbortSignal): Promise<string[]>
}

/** A relay that keeps mailboxes of theirs, as they named it. */
interface TheirRelay {
  /** Null: not told. */
  key: Uint8Array | null
  address: string
}

interface Target {
  address: string
  mailboxes: RelayMailboxes
  backoff: Backoff
  /** When it is tried again; 0 while it has not failed. */
  nextAtMs: number
  /** Known once it has answered. */
  store: string | null
}

/** Where somebody's signpost leads. */
interface FollowedSignpost {
  /** None: there is none, or it is not needed. */
  relays: readonly string[]
  /** Those that did not answer; what is told of others is newer than the signpost. */
  insteadOf: string
  /** When it may be looked for again. */
  nextAtMs: number
  backoff: Backoff
}

interface Addressee {
  cancel: (() => void) | null
  busy: boolean
  again: boolean
  targets: Target[]
  signpost: FollowedSignpost
  /** Since when the channel with them has brought nothing. */
  doubtedFromMs: number | null
}

/** A message or a note, sealed. */
interface Parcel {
  sealed: Uint8Array
  /** Addresses of the relays that have it. */
  at: readonly string[]
  kept(receipt: Receipt, wanted: number): Promise<void>
}

/** A relay of theirs that answers, and their mailbox there. */
interface Door {
  target: Target
  mailbox: Uint8Array
  /** Null: work is shown. */
  grant: Grant | null
}

/**
 * Takes what waits for people who sleep to their mailboxes. Guarantees: a retry puts the same bytes; a message counts
 * as stored once two stores, or all there are, have signed for it; and it is tried at each of their relays until it
 * is there or was delivered.
 */
export class Deposits {
  readonly #components: DepositsComponents
  readonly #init: DepositsInit
  readonly #addressees = new Map<PeerIdString, Addressee>()
  readonly #working = new Set<Promise<void>>()
  #life: AbortController | null = null

  constructor(components: DepositsComponents, init: DepositsInit) {
    this.#components = components
    this.#init = init
  }

  async start(): Promise<void> {
    if (this.#life !== null) return
    this.#life = new AbortController()
    await this.#look(this.#life.signal)
  }

  async stop(): Promise<void> {
    this.#life?.abort()
    this.#life = null
    for (const { cancel } of this.#addressees.values()) cancel?.()
    await Promise.all(this.#working)
    this.#addressees.clear()
  }

  async #look(signal: AbortSignal): Promise<void> {
    for (const peer of await this.#init.delivery.waiting()) this.post(peer)
    if (signal.aborted) return
    const { clock, logger } = this.#components
    const cancel = clock.after(LOOK_MS, () => {
      signal.removeEventListener('abort', cancel)
      this.#look(signal).catch((error: unknown) => {
        if (!signal.aborted) logger.error('what waits was not looked for', error)
      })
    })
    signal.addEventListener('abort', cancel)
  }

  /** Something waits for this peer. */
  post(peer: PeerIdString): void {
    if (this.#life === null) return
    const addressee = this.#addressees.get(peer) ?? {
      cancel: null,
      busy: false,
      again: false,
      targets: [],
      signpost: {
        relays: [],
        insteadOf: '',
        nextAtMs: 0,
        backoff: new Backoff(this.#components.random, FOLLOW),
      },
      doubtedFromMs: null,
    }
    this.#addressees.set(peer, addressee)
    this.#plan(peer, addressee, GRACE_MS * (1 + this.#components.random.fraction()))
  }

  /** Tries all at once: the network, the device or the person is back. */
  wake(): void {
    for (const [peer, addressee] of this.#addressees) {
      for (const target of addressee.targets) {
        target.backoff.reset()
        target.nextAtMs = 0
      }
      addressee.signpost.nextAtMs = 0
      this.#plan(peer, addressee, 0)
    }
  }

  #plan(peer: PeerIdString, addressee: Addressee, afterMs: number): void {
    if (this.#life === null) return
    if (addressee.busy) {
      addressee.again = true
      return
    }
    addressee.cancel?.()
    addressee.cancel = this.#components.clock.after(afterMs, () => {
      addressee.cancel = null
      this.#work(peer, addressee)
    })
  }

  #work(peer: PeerIdString, addressee: Addressee): void {
    const { signal } = this.#life!
    addressee.busy = true
    const working = this.#deliver(peer, addressee, signal)
      .catch((error: unknown) => {
        signal.throwIfAborted()
        this.#components.logger.error(`what waits for ${peer} was not put anywhere`, error)
        return RETRY.maxMs
      })
      .then(
        (nextMs) => {
          addressee.busy = false
          if (addressee.again) this.#plan(peer, addressee, GRACE_MS)
          else if (nextMs !== null) this.#plan(peer, addressee, nextMs)
          else this.#addressees.delete(peer)
          addressee.again = false
        },
        () => undefined,
      )
      .finally(() => {
        this.#working.delete(working)
      })
    this.#working.add(working)
  }

  /** Puts all that waits wherever it is not yet; gives when to go on, null when nothing is left to do. */
  async #deliver(
    peer: PeerIdString,
    addressee: Addressee,
    signal: AbortSignal,
  ): Promise<number | null> {
    const { clock } = this.#components
    const { delivery } = this.#init
    const lacking = await delivery.lacking(peer, 1)
    const owed = await delivery.owed(peer)
    if (lacking.length === 0 && owed.length === 0) return null
    if (delivery.talksWith(peer)) {
      addressee.doubtedFromMs ??= clock.now()
      const patienceMs = addressee.doubtedFromMs + CHANNEL_PATIENCE_MS - clock.now()
      if (patienceMs > 0) return patienceMs
    }
    addressee.doubtedFromMs = null
    const contact = this.#init.contactable(peer)
    if (contact === null) return null
    const place = await delivery.placeOf(peer)
    const relays = relaysOf(addressee, contact, place)
    addressee.targets = this.#targets(addressee.targets, relays)
    const card =
      contact.keyCommitment === null
        ? null
        : { publicKey: publicKeyOf(peer), keyCommitment: contact.keyCommitment }
    const due = addressee.targets.filter(({ nextAtMs }) => nextAtMs <= clock.now())
    const doors = await this.#each(
      due.map((target) => ({ target })),
      ({ target }) => this.#door(target, place, card, signal),
      signal,
    )
    if (doors.length === 0 && card !== null) {
      const nextMs = await this.#follow(
        addressee,
        due.length > 0,
        told(contact, place),
        card,
        signal,
      )
      if (nextMs !== null) return nextMs
    }
    const parcels = await this.#parcels(peer, card, doors, signal)
    if (parcels !== null) {
      const wanted = (): Promise<number> => this.#wanted(peer, addressee, contact)
      await this.#each(doors, (door) => this.#put(door, parcels, wanted, signal), signal)
      for (const each of owed) await delivery.settleOwed(each, await wanted())
      if (parcels.length >= BATCH) return 0
    }
    const failed = addressee.targets.filter(({ nextAtMs }) => nextAtMs > 0)
    if (failed.length === 0) return null
    return Math.max(0, Math.min(...failed.map(({ nextAtMs }) => nextAtMs)) - clock.now())
  }

  /** Has each target do this; one that fails waits for its turn. */
  async #each<T extends { target: Target }, R>(
    all: readonly T[],
    work: (each: T) => Promise<R | null>,
    signal: AbortSignal,
  ): Promise<R[]> {
    const { clock, logger } = this.#components
    const results = await Promise.all(
      all.map(async (each) => {
        const { target } = each
        try {
          return await work(each)
        } catch (error) {
          signal.throwIfAborted()
          if (!(error instanceof StarlingError)) throw error
          logger.info(`nothing put at ${target.address}: ${error.message}`)
          const waitMs = error instanceof LyingRelayError ? DISGRACE_MS : target.backoff.next()
          target.nextAtMs = clock.now() + waitMs
          return null
        }
      }),
    )
    return results.filter((result) => result !== null)
  }

  /** The same relay keeps its place among them, and what is known of it. */
  #targets(before: readonly Target[], relays: readonly TheirRelay[]): Target[] {
    return relays.slice(0, PLACE_RELAYS).flatMap(({ key, address }) => {
      const known = before.find((target) => target.address === address)
      return known === undefined ? this.#target(key, address) : [known]
    })
  }

  /**
   * Looks for their signpost when no relay of theirs answers, from time to time; gives when to go on, null when there is
   * no other to go to.
   * @param tried whether one of them was asked just now
   */
  async #follow(
    { signpost, targets }: Addressee,
    tried: boolean,
    told: readonly TheirRelay[],
    card: CardKeys,
    signal: AbortSignal,
  ): Promise<number | null> {
    const { clock } = this.#components
    if (targets.some(({ nextAtMs }) => nextAtMs <= clock.now())) return null
    if (signpost.relays.length > 0) {
      if (!tried) return null
      // Nor do those answer that it led to: back to those that they told of, which may be there again.
      signpost.relays = []
      return 0
    }
    const waitMs = signpost.nextAtMs - clock.now()
    if (waitMs > 0) return targets.length === 0 ? waitMs : null
    const relays = await this.#init.follow(card, signal)
    const pauseMs = signpost.backoff.next()
    signpost.nextAtMs = clock.now() + pauseMs
    if (relays.some((address) => !told.some((relay) => relay.address === address))) {
      signpost.relays = relays
      signpost.insteadOf = addressesOf(told)
      return 0
    }
    return targets.length === 0 ? pauseMs : null
  }

  #target(key: Uint8Array | null, address: string): Target[] {
    const { clock, logger, random, transport } = this.#components
    try {
      const origins = originsOf(parseRelayAddress(address))
      if (origins.length === 0) return []
      return [
        {
          address,
          mailboxes: new RelayMailboxes({ transport, clock }, { origins, key }),
          backoff: new Backoff(random, RETRY),
          nextAtMs: 0,
          store: null,
        },
      ]
    } catch (error) {
      if (!(error instanceof StarlingError)) throw error
      logger.info(`no relay: ${error.message}`)
      return []
    }
  }

  /** Their mailbox at this relay: by a pass, else the one their card leads to; null when there is neither. */
  async #door(
    target: Target,
    place: Place | null,
    card: CardKeys | null,
    signal: AbortSignal,
  ): Promise<Door | null> {
    const info = await target.mailboxes.info(signal)
    target.store = toBase64url(info.store)
    const nowMs = await target.mailboxes.now(signal)
    for (const grant of place === null ? [] : grantsOf(place)) {
      const [mailbox, , , expiry] = passes.peek(grant[0])
      if (expiry * 1000 > nowMs) return { target, mailbox: Uint8Array.from(mailbox), grant }
    }
    if (card === null) return null
    return { target, mailbox: introductionMailbox(card, epochOf(nowMs)), grant: null }
  }

  async #put(
    { target, mailbox, grant }: Door,
    parcels: readonly Parcel[],
    wanted: () => Promise<number>,
    signal: AbortSignal,
  ): Promise<void> {
    for (const parcel of parcels) {
      if (parcel.at.includes(target.address)) continue
      const { store } = await target.mailboxes.put(mailbox, grant, parcel.sealed, signal)
      // By my clock, as all that people are told; the relay's own may be days away from it.
      const atMs = this.#components.clock.now()
      const receipt = { relay: target.address, store: toBase64url(store), atMs }
      await parcel.kept(receipt, await wanted())
    }
    target.backoff.reset()
    target.nextAtMs = 0
  }

  /** Different stores that make something stored now: they may have told of more relays since these were targets. */
  async #wanted(peer: PeerIdString, addressee: Addressee, contact: Contactable): Promise<number> {
    const { targets } = addressee
    const relays = relaysOf(addressee, contact, await this.#init.delivery.placeOf(peer))
    const others = relays.filter(({ address }) => !targets.some((one) => one.address === address))
    return Math.min(QUORUM, wantedOf(targets) + others.length)
  }

  /** What waits, sealed, in the order it is to arrive; null when no relay has keys to seal it with, and is to be asked again. */
  async #parcels(
    peer: PeerIdString,
    card: CardKeys | null,
    doors: readonly Door[],
    signal: AbortSignal,
  ): Promise<Parcel[] | null> {
    const { delivery } = this.#init
    if (doors.length === 0) return []
    // Without a pass, they see from what begins a session alone whom it is from.
    const strange = doors.some(({ grant }) => grant === null)
    const owed = await delivery.owed(peer)
    const relays = doors.map(({ target }) => target.address)
    const seal = (): Promise<Parcel[] | null> => this.#seal(peer, relays, strange)
    const mustBegin = owed.some(({ lost, sealed }) => lost && sealed === null)
    const parcels = mustBegin ? null : await seal()
    if (parcels !== null || card === null) return parcels ?? []
    const keys = await this.#keysOf(card, doors, signal)
    if (keys === null) return null
    await delivery.beginAnew(peer, keys, strange)
    return (await seal()) ?? []
  }

  /** Of the first relay that has some. */
  async #keysOf(
    card: CardKeys,
    doors: readonly Door[],
    signal: AbortSignal,
  ): Promise<Uint8Array | null> {
    for (const door of doors) {
      const [keys] = await this.#each(
        [door],
        ({ target }) => this.#take(target, card, signal),
        signal,
      )
      if (keys !== undefined) return keys
    }
    return null
  }

  /** Null when there are no keys, or others are needed. */
  async #seal(
    peer: PeerIdString,
    relays: readonly string[],
    strange: boolean,
  ): Promise<Parcel[] | null> {
    const { delivery } = this.#init
    const parcels: Parcel[] = []
    const owed = await delivery.owed(peer)
    const note = async (type: Owed['type']): Promise<boolean> => {
      const each = owed.find((one) => one.type === type)
      if (each === undefined) return true
      const sealed = each.sealed ?? (await delivery.sealOwed(each))
      if (sealed === null) return false
      if (sealed === 'nothing') return true
      parcels.push({
        sealed,
        at: each.receipts.map(({ relay }) => relay),
        kept: (receipt) => delivery.keptOwed(each, sealed, receipt),
      })
      return true
    }
    if (!(await note('hello'))) return null
    for (const each of await delivery.lacking(peer, BATCH, relays)) {
      const sealed = each.sealed ?? (await delivery.seal(peer, each))
      if (sealed === null) return null
      parcels.push({
        sealed,
        at: each.receipts.map(({ relay }) => relay),
        kept: (receipt, wanted) => delivery.kept(each, sealed, receipt, wanted),
      })
    }
    if (!(await note('status'))) return null
    if (!strange) return parcels
    const all = parcels.map(({ sealed }) => sealed)
    return (await delivery.openAlone(peer, all)) ? parcels : null
  }

  /** What they have others write to them with first: left in an earlier epoch by who sleeps since then. */
  async #take(target: Target, card: CardKeys, signal: AbortSignal): Promise<Uint8Array> {
    for (const epoch of epochsWithin(BUNDLE_LIFE_MS, await target.mailboxes.now(signal))) {
      const taken = await target.mailboxes.take(introductionMailbox(card, epoch), signal)
      if (taken === null) continue
      const { bundle, oneTime } = taken
      return keysCodec.encode([
        openWithCard(card, epoch, bundle),
        oneTime === null ? null : openWithCard(card, epoch, oneTime),
      ])
    }
    throw new NoAnswerError('no prekeys of theirs')
  }
}

/** Where they are to be written to, by what they said last. */
function told(contact: Contactable, place: Place | null): TheirRelay[] {
  if (place !== null && place.relays.length > 0) return place.relays
  return contact.relays.map((address) => ({ key: null, address }))
}

/** Where to write to them: where their signpost leads, when nothing newer is known. */
function relaysOf(
  { signpost }: Addressee,
  contact: Contactable,
  place: Place | null,
): TheirRelay[] {
  const relays = told(contact, place)
  if (signpost.relays.length === 0 || signpost.insteadOf !== addressesOf(relays)) return relays
  return signpost.relays.map((address) => ({ key: null, address }))
}

function addressesOf(relays: readonly TheirRelay[]): string {
  return relays.map(({ address }) => address).join(' ')
}

/** Different stores that make something stored: those that are not known yet count as different. */
function wantedOf(targets: readonly Target[]): number {
  const known = new Set(targets.flatMap(({ store }) => store ?? []))
  const unknown = targets.filter(({ store }) => store === null)
  return Math.min(QUORUM, known.size + unknown.length)
}
