import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Random } from '../../protocol/seams.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { Download, DownloadEvents } from '../exchange/download.ts'
import type { Finder, Provider } from './finder.ts'

/** Providers tried at once: each costs a dial, and most of what strangers name may be false. */
export const MAX_TRIED = 4

/** How long one may take from being tried to having something that is needed. */
export const TRY_MS = 30_000

/** Providers in use beside those of the link; beyond, who gave least goes for the next. */
export const MAX_IN_USE = 12

/** Providers waiting to be tried: beyond, others are not heard. */
export const MAX_WAITING = 64

/** With so many sources nobody else is looked for. */
export const ENOUGH_SOURCES = 6

/** From one look to the next, growing from the first while nothing is found. */
export const LOOK_MS = { first: 10_000, max: 10 * 60_000 }

/** Who did not have it is tried again after this: they may be getting it themselves. */
export const AGAIN_MS = 10 * 60_000

/** Meets peers, each as long as anything needs them. */
export interface Meeting {
  /** @param relays `host[:port]`, where the peer may be */
  want(peer: PeerIdString, relays: readonly string[], reason: string): void
  /** Nobody is wanted for this reason any more, but those in `except`. */
  release(reason: string, except?: ReadonlySet<PeerIdString>): void
}

export interface SeekerComponents {
  exchange: Pick<Exchange, 'from' | 'forget' | 'isBanned' | 'reputation'>
  finder: Pick<Finder, 'find'>
  meeting: Meeting
  /** My relays, `host[:port]`. */
  relays: () => string[]
  /** Contacts who are connected now. */
  contacts: () => PeerIdString[]
  clock: Clock
  random: Random
}

export interface SeekerInit {
  self: PeerIdString
  download: Download
  /** What peers are met for. */
  reason: string
  /** Who has it as the link says, who are asked already, and their relays. */
  from: { peers: readonly PeerIdString[]; relays: readonly string[] }
}

/**
 * Sees to it that a download has sources: beside those the link names, contacts who are here, and whoever relays
 * know of. Only a few are tried at a time, and who turns out to lack it goes, so that a flood of false providers costs
 * some dials and stops nothing.
 */
export class Seeker {
  readonly #components: SeekerComponents
  readonly #init: SeekerInit
  readonly #waiting = new Map<PeerIdString, Provider>()
  /** Who is tried, or in use, and since when. */
  readonly #candidates = new Map<PeerIdString, number>()
  /** When who was tried in vain may be tried again. */
  readonly #failed = new Map<PeerIdString, number>()
  readonly #stopped = new AbortController()
  #pauseMs = LOOK_MS.first
  #nextLookAtMs = 0
  #looking = false
  #cancelTimer: (() => void) | null = null

  constructor(components: SeekerComponents, init: SeekerInit) {
    this.#components = components
    this.#init = init
  }

  start(): void {
    this.#init.download.addEventListener('refused', this.#onRefused)
    this.#settle()
  }

  stop(): void {
    if (this.#stopped.signal.aborted) return
    this.#stopped.abort()
    this.#cancelTimer?.()
    this.#init.download.removeEventListener('refused', this.#onRefused)
    this.#waiting.clear()
    this.#candidates.clear()
    this.#release()
  }

  readonly #onRefused = ({ detail: { peer } }: DownloadEvents['refused']): void => {
    if (!this.#candidates.has(peer)) return
    this.#giveUp(peer)
    this.#try()
  }

  /** Gives up who has nothing, tries who waits, and looks for more when there are too few. */
  #settle(): void {
    if (this.#stopped.signal.aborted) return
    const { clock, random } = this.#components
    const nowMs = clock.now()
    for (const [peer, sinceMs] of [...this.#candidates]) {
      if (nowMs - sinceMs >= TRY_MS && !this.#isOfUse(peer)) this.#giveUp(peer)
    }
    const few = this.#init.download.sources.size < ENOUGH_SOURCES
    if (few && !this.#looking && nowMs >= this.#nextLookAtMs) {
      this.#nextLookAtMs = nowMs + this.#pauseMs * (0.5 + random.fraction() / 2)
      this.#pauseMs = Math.min(LOOK_MS.max, this.#pauseMs * 2)
      void this.#look()
    }
    this.#try()
    this.#cancelTimer = clock.after(LOOK_MS.first / 2, () => {
      this.#settle()
    })
  }

  async #look(): Promise<void> {
    const { finder, relays, contacts } = this.#components
    const { download, from } = this.#init
    this.#looking = true
    for (const peer of contacts()) this.#found({ peer, relays: [] })
    this.#try()
    await finder.find(
      download.holding.content,
      [...from.relays, ...relays()],
      (provider) => {
        this.#found(provider)
        this.#try()
      },
      this.#stopped.signal,
    )
    this.#looking = false
  }

  #found(provider: Provider): void {
    const { peer } = provider
    const { self, from } = this.#init
    if (peer === self || from.peers.includes(peer) || this.#candidates.has(peer)) return
    if ((this.#failed.get(peer) ?? 0) > this.#components.clock.now()) return
    if (this.#waiting.size >= MAX_WAITING || this.#components.exchange.isBanned(peer)) return
    this.#waiting.set(peer, provider)
  }

  #try(): void {
    const { exchange, meeting, clock } = this.#components
    const { download, reason } = this.#init
    // Who did well before comes first.
    const best = [...this.#waiting].toSorted(
      ([a], [b]) => exchange.reputation.rankOf(b) - exchange.reputation.rankOf(a),
    )
    for (const [peer, { relays }] of best) {
      const proven = [...this.#candidates.keys()].filter((each) => this.#isOfUse(each))
      if (this.#candidates.size - proven.length >= MAX_TRIED) return
      if (this.#candidates.size >= MAX_IN_USE && !this.#makeRoom(proven)) return
      this.#waiting.delete(peer)
      this.#candidates.set(peer, clock.now())
      // A contact is here anyway.
      if (relays.length > 0) meeting.want(peer, relays, reason)
      exchange.from(download.holding.content, peer)
    }
  }

  /** Who was given its time and gave least goes. */
  #makeRoom(proven: readonly PeerIdString[]): boolean {
    const nowMs = this.#components.clock.now()
    const [least] = proven
      .filter((peer) => nowMs - this.#candidates.get(peer)! >= 2 * TRY_MS)
      .toSorted((a, b) => this.#given(a) - this.#given(b))
    if (least === undefined) return false
    this.#giveUp(least)
    return true
  }

  #giveUp(peer: PeerIdString): void {
    const { exchange, clock } = this.#components
    this.#candidates.delete(peer)
    exchange.forget(this.#init.download.holding.content, peer)
    this.#release()
    this.#failed.set(peer, clock.now() + AGAIN_MS)
    if (this.#failed.size > MAX_WAITING * 4) {
      this.#failed.delete(this.#failed.keys().next().value!)
    }
  }

  /** Keeps company with those alone who are tried, or in use. */
  #release(): void {
    const { from, reason } = this.#init
    this.#components.meeting.release(reason, new Set([...from.peers, ...this.#candidates.keys()]))
  }

  /** Whether it has what is needed, or has given something. */
  #isOfUse(peer: PeerIdString): boolean {
    for (const source of this.#init.download.sources) {
      if (source.peer === peer && (source.useful > 0 || source.bytes > 0)) return true
    }
    return false
  }

  #given(peer: PeerIdString): number {
    for (const source of this.#init.download.sources) if (source.peer === peer) return source.bytes
    return 0
  }
}
