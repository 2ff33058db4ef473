import type { Network, Peers } from '../../p2p/api.ts'
import { COPIES, type CopyRefusal } from '../../protocol/copies.ts'
import type { Clock, Logger, Startable } from '../../protocol/seams.ts'
import { manifestHashOf, type ContentId } from '../content-id.ts'

/** How often it is looked how far a copy is. */
export const LOOK_MS = 3_000

/** A relay that could not be asked, or has no room now, is asked again after this. */
export const RETRY_MS = 60_000

/** How often it is looked whether a copy that is there still is: a relay may have lost it. */
export const VISIT_MS = 60 * 60_000

/** A content that a relay is to keep. */
export interface Wish {
  content: ContentId
  /** As its manifest says. */
  bytes: number
  untilMs: number
}

/**
 * How a copy stands. `asking` before any relay has answered, `sending` while a relay gets it, `kept` once all of it is
 * there; `none`: no relay of mine keeps any; else why those that do take none.
 */
export type CopyState = 'asking' | 'sending' | 'kept' | 'none' | Exclude<CopyRefusal, 'busy'>

export interface CopyStatus {
  state: CopyState
  /** `host[:port]` of the relay that has it, or gets it. */
  relay: string | null
}

export interface RelayCopiesComponents {
  network: Pick<Network, 'askRelay'>
  peers: Pick<Peers, 'myRelays'>
  clock: Clock
  log: Logger
}

export interface RelayCopiesInit {
  /** What is to be kept now, as the person decided. */
  wishes: () => readonly Wish[]
  /** How something stands has changed. */
  changed: () => void
}

interface Kept {
  status: CopyStatus
  nextLookAtMs: number
}

/** Sees to it that what a person wants kept at a relay is at one of theirs, and goes from it when they want it no more. */
export class RelayCopies implements Startable {
  readonly #components: RelayCopiesComponents
  readonly #init: RelayCopiesInit
  readonly #kept = new Map<ContentId, Kept>()
  #cancelTimer: (() => void) | null = null
  #running = false
  #looking = false

  constructor(components: RelayCopiesComponents, init: RelayCopiesInit) {
    this.#components = components
    this.#init = init
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#plan()
  }

  stop(): void {
    this.#running = false
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#kept.clear()
  }

  /** Null when it is not to be kept. */
  status(content: ContentId): CopyStatus | null {
    if (!this.#init.wishes().some((wish) => wish.content === content)) return null
    return this.#kept.get(content)?.status ?? { state: 'asking', relay: null }
  }

  /** Takes a copy back, wherever it is. */
  async release(content: ContentId): Promise<void> {
    const { peers, log, network } = this.#components
    const known = this.#kept.get(content)?.status.relay
    this.#kept.delete(content)
    for (const relay of known == null ? peers.myRelays() : [known]) {
      try {
        await network.askRelay(relay, COPIES, {
          type: 'release',
          content: manifestHashOf(content),
        })
      } catch (error) {
        // It goes from there when its time is over.
        log.debug(`${relay} was not told to let a copy go: ${String(error)}`)
      }
    }
  }

  #plan(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = this.#components.clock.after(LOOK_MS, () => {
      if (!this.#looking) void this.#lookAtAll()
      if (this.#running) this.#plan()
    })
  }

  async #lookAtAll(): Promise<void> {
    const { clock } = this.#components
    this.#looking = true
    const wishes = this.#init.wishes()
    for (const content of [...this.#kept.keys()]) {
      if (!wishes.some((wish) => wish.content === content)) this.#kept.delete(content)
    }
    for (const wish of wishes) {
      if ((this.#kept.get(wish.content)?.nextLookAtMs ?? 0) > clock.now()) continue
      const status = await this.#look(wish)
      if (!this.#running) break
      const pauseMs =
        status.state === 'sending' ? LOOK_MS : status.state === 'kept' ? VISIT_MS : RETRY_MS
      this.#kept.set(wish.content, { status, nextLookAtMs: clock.now() + pauseMs })
      this.#init.changed()
    }
    this.#looking = false
  }

  /** Asks the relay that has it, then the others. */
  async #look(wish: Wish): Promise<CopyStatus> {
    const known = this.#kept.get(wish.content)?.status.relay ?? null
    const relays = this.#components.peers.myRelays()
    // Before any relay holds a reservation, nothing can be said.
    if (relays.length === 0) return { state: 'asking', relay: null }
    let status: CopyStatus = { state: 'none', relay: null }
    for (const relay of new Set(known === null ? relays : [known, ...relays])) {
      const state = await this.#ask(relay, wish)
      if (state === 'sending' || state === 'kept') return { state, relay }
      if (state !== 'none') status = { state, relay: null }
    }
    return status
  }

  async #ask(relay: string, { content, bytes, untilMs }: Wish): Promise<CopyState> {
    const { network, clock, log } = this.#components
    try {
      const answer = await network.askRelay(relay, COPIES, {
        type: 'keep',
        content: manifestHashOf(content),
        bytes,
        forMs: Math.max(1, untilMs - clock.now()),
      })
      if (answer.type === 'keeping') return answer.complete ? 'kept' : 'sending'
      if (answer.type === 'refused' && answer.reason !== 'busy') return answer.reason
      return 'asking'
    } catch (error) {
      if (error instanceof Error && error.name === 'UnsupportedProtocolError') return 'none'
      log.debug(`${relay} was not asked to keep a copy: ${String(error)}`)
      return 'asking'
    }
  }
}
