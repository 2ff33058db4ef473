import type { ContentId } from '../../content/content-id.ts'
import type { Admission } from '../../content/exchange/conversation.ts'
import type { Exchange } from '../../content/exchange/exchange.ts'
import type { Network } from '../../p2p/api.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/seams.ts'
import type { Company } from './company.ts'
import type { Roster } from './roster.ts'
import type { Totals } from './totals.ts'
import type { LiveTransfer } from './transfer.ts'

/** What readers are wanted for. */
const READING = 'reading'

/** Who reads no more stays wanted for so long: between one path and a better one nobody reads for a moment. */
export const LINGER_MS = 30_000

/** People of whom it is remembered how much of one content they were given, while the host runs. */
const MAX_GIVEN_TO = 1_000

/** People of whom it is remembered that they have all of one content. */
const MAX_SERVED_TO = 256

/** What expires later is looked at again by then: timers take no more than 24 days. */
const MAX_WAIT_MS = 24 * 60 * 60_000

export interface GivingComponents {
  totals: Pick<Totals, 'count'>
  roster: Roster
  exchange: Exchange
  company: Company
  network: Pick<Network, 'links'>
  clock: Clock
}

/** Who is given what, how much of it, and over which path. */
export class Giving {
  readonly #components: GivingComponents
  /** Who is wanted because they read, and when they were last seen to. */
  readonly #met = new Map<PeerIdString, number>()
  /** Whether others are given what I got, where nothing else was chosen. */
  #passesOn = true
  #cancelLook: (() => void) | null = null
  #cancelExpiry: (() => void) | null = null

  constructor(components: GivingComponents) {
    this.#components = components
    const { exchange, roster } = components
    exchange.addEventListener('gave', ({ detail: { content, peer, part, bytes } }) => {
      this.#gave(content, bytes)
      if (part.kind === 'leaf') this.#gaveTo(peer, content, bytes)
    })
    exchange.addEventListener('served', ({ detail: { content, peer } }) => {
      this.#served(content, peer)
    })
    exchange.addEventListener('readers', () => {
      this.#meetReaders()
      this.#endExpired()
      roster.changed()
    })
  }

  /** Nobody is wanted for it any more. */
  stop(): void {
    this.#cancelLook?.()
    this.#cancelLook = null
    this.#cancelExpiry?.()
    this.#cancelExpiry = null
    this.#met.clear()
    this.#components.company.release(READING)
  }

  /** Whether others are given it, now that it is here. What goes with something else is: only those know of it who were sent it. */
  passedOn({ row }: LiveTransfer): boolean {
    return row.role === 'sharing' || row.enclosed === true || (row.passOn ?? this.#passesOn)
  }

  /** Whether others are given what I got, where nothing else was chosen. */
  passOn(on: boolean): void {
    if (this.#passesOn === on) return
    this.#passesOn = on
    for (const transfer of this.#components.roster.all) this.settle(transfer)
    this.#components.roster.changed()
  }

  /** What was chosen of it has changed: who gets it is given it no more, or waits, or is given it again. */
  settle(transfer: LiveTransfer): void {
    const { exchange } = this.#components
    if (transfer.content === null) return
    if (!this.passedOn(transfer)) exchange.refuse(transfer.content, 'unknown')
    exchange.settle()
  }

  /** Whether nobody is given this content for now. */
  halts(content: ContentId): boolean {
    const of = this.#components.roster.all.filter((each) => each.content === content)
    return of.length > 0 && of.every(({ row }) => row.role === 'sharing' && row.paused)
  }

  /** Whether this peer is given this content. Who is let in counts at once: not too many get in together. */
  async admit(content: ContentId, peer: PeerIdString): Promise<Admission> {
    const nowMs = this.#components.clock.now()
    let refusal: Admission = { refusal: 'unknown' }
    for (const transfer of this.#components.roster.all) {
      if (transfer.row.content !== content || !this.passedOn(transfer)) continue
      await transfer.find()
      if (transfer.holding === null) continue
      const { problem, downloadLimit, takers } = transfer.row
      if (transfer.hasExpired(nowMs)) refusal = { refusal: 'expired' }
      else if (problem === 'revoked') refusal = { refusal: 'revoked' }
      else if (downloadLimit !== null && takers.length >= downloadLimit && !takers.includes(peer)) {
        refusal = { refusal: 'limit-reached' }
      } else {
        if (downloadLimit !== null && !takers.includes(peer)) {
          void this.#components.roster.note(transfer, { takers: [...takers, peer] })
        }
        return { holding: transfer.holding }
      }
    }
    return refusal
  }

  /** Who is given something is given it no longer than it may be. */
  readonly #endExpired = (): void => {
    this.#cancelExpiry?.()
    this.#cancelExpiry = null
    const { roster, exchange, clock } = this.#components
    const nowMs = clock.now()
    const ends = [...new Set(exchange.readers().map((reader) => reader.content))].map((content) => {
      const endsMs = roster.all
        .filter((transfer) => transfer.content === content)
        .map(({ expiresAtMs }) => expiresAtMs ?? Infinity)
      return { content, endMs: Math.max(...endsMs) }
    })
    const nextMs = Math.min(...ends.map(({ endMs }) => endMs).filter((endMs) => endMs > nowMs))
    if (nextMs < Infinity) {
      this.#cancelExpiry = clock.after(Math.min(nextMs - nowMs, MAX_WAIT_MS), this.#endExpired)
    }
    // Whoever goes has this looked at again.
    for (const { content, endMs } of ends) {
      if (endMs <= nowMs) exchange.refuse(content, 'expired')
    }
  }

  /** Whoever gets something from me over a relay is met directly while they do, and not much longer. */
  #meetReaders(): void {
    const { company, exchange, clock } = this.#components
    for (const { peer, path } of exchange.readers()) {
      if (path !== 'relayed' && !this.#met.has(peer)) continue
      if (!this.#met.has(peer)) company.want(peer, [], READING)
      this.#met.set(peer, clock.now())
    }
    if (this.#met.size > 0) this.#cancelLook ??= clock.after(LINGER_MS, this.#leaveOthers)
  }

  readonly #leaveOthers = (): void => {
    this.#cancelLook = null
    const { company, clock } = this.#components
    this.#meetReaders()
    for (const [peer, readAtMs] of this.#met) {
      if (clock.now() - readAtMs >= LINGER_MS) this.#met.delete(peer)
    }
    company.release(READING, new Set(this.#met.keys()))
  }

  #gave(content: ContentId, bytes: number): void {
    const { roster, totals, clock } = this.#components
    totals.count('up', bytes)
    const transfer = roster.all.find((each) => each.content === content)
    if (transfer === undefined) return
    transfer.traffic.count('up', bytes, clock.now())
    roster.count(transfer, {
      givenBytes: transfer.row.givenBytes + bytes,
      usedAtMs: clock.now(),
    })
  }

  /** This person has all of it. A relay that keeps a copy is no person. */
  #served(content: ContentId, peer: PeerIdString): void {
    const { roster, network } = this.#components
    if (network.links().some((link) => link.peer === peer && link.relay !== null)) return
    for (const transfer of roster.all) {
      const { role, enclosed, servedTo } = transfer.row
      if (transfer.content !== content || role !== 'sharing' || enclosed === true) continue
      if (servedTo.includes(peer) || servedTo.length >= MAX_SERVED_TO) continue
      void roster.note(transfer, { servedTo: [...servedTo, peer] })
    }
  }

  /** Reloads, pauses and changes of path do not begin it anew. */
  #gaveTo(peer: PeerIdString, content: ContentId, bytes: number): void {
    const givenTo = this.#components.roster.all.find((each) => each.content === content)?.givenTo
    if (givenTo === undefined) return
    givenTo.set(peer, (givenTo.get(peer) ?? 0) + bytes)
    if (givenTo.size > MAX_GIVEN_TO) givenTo.delete(givenTo.keys().next().value!)
  }
}
