import type { Network, Peers } from '../../p2p/api.ts'
import { COPIES, type CopyRefusal } from '../../protocol/copies.ts'
import type { Clock, Logger, Startable } from '../../protocol/seams.ts'
import { manifestHashOf, type ContentId } from '../content-id.ts'

/** How often it is looked how far a copy is. */
export const LOOK_MS = 3_000

/** From one time that no relay takes a copy to the next time they are asked, growing from the first. */
export const RETRY_MS = { first: 60_000, max: 60 * 60_000 }

/** How often it is looked whether a copy that is there still is: a relay may have lost it. */
export const VISIT_MS = 60 * 60_000

/** Changes come one after another; a little after the first, it is looked what they mean. */
export const SETTLE_MS = 500

/** A content that a relay is to keep. */
export interface Wish {
  content: ContentId
  /** As its manifest says. */
  bytes: number
  /** No relay is asked before. */
  fromMs: number
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
  /** How many people got all of it, the last of it from there. */
  taken: number
}

export interface RelayCopiesComponents {
  network: Pick<Network, 'askRelay' | 'relays' | 'addEventListener' | 'removeEventListener'>
  peers: Pick<Peers, 'myRelays'>
  clock: Clock
  log: Logger
}

export interface RelayCopiesInit {
  /** What is to be kept now, as the person decided. */
  wishes: () => readonly Wish[]
  /** How this stands, as a relay was asked just now. */
  changed: (content: ContentId, status: CopyStatus) => void
}

interface Kept {
  status: CopyStatus
  nextLookAtMs: number
  /** How long it was waited before that look. */
  pauseMs: number
}

/**
 * Sees to it that what a person wants kept at a relay is at one of theirs, and goes from it when they want it no more.
 * Relays that say that they keep no copies are not asked; others less and less often while none takes it, and at once when
 * my relays are others.
 */
export class RelayCopies implements Startable {
  readonly #components: RelayCopiesComponents
  readonly #init: RelayCopiesInit
  readonly #kept = new Map<ContentId, Kept>()
  /** My relays that may keep copies, when it was last looked. */
  #relays: readonly string[] = []
  #planned: { atMs: number; cancel: () => void } | null = null
  #running = false
  #looking = false

  constructor(components: RelayCopiesComponents, init: RelayCopiesInit) {
    this.#components = components
    this.#init = init
  }

  start(): void {
    if (this.#running) return
    this.#running = true
    this.#components.network.addEventListener('changed', this.look)
    this.look()
  }

  stop(): void {
    this.#running = false
    this.#components.network.removeEventListener('changed', this.look)
    this.#planned?.cancel()
    this.#planned = null
    this.#kept.clear()
  }

  /** What is to be kept may have changed, or my relays. */
  readonly look = (): void => {
    this.#plan(SETTLE_MS)
  }

  /** Null when it is not to be kept. */
  status(content: ContentId): CopyStatus | null {
    if (!this.#init.wishes().some((wish) => wish.content === content)) return null
    return this.#kept.get(content)?.status ?? ASKING
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

  /** Unless it is planned to be sooner, or nothing is to be kept. */
  #plan(delayMs: number): void {
    const { clock } = this.#components
    const atMs = clock.now() + delayMs
    if (!this.#running || (this.#planned !== null && this.#planned.atMs <= atMs)) return
    if (this.#init.wishes().length === 0 && this.#kept.size === 0) return
    this.#planned?.cancel()
    const cancel = clock.after(delayMs, () => {
      this.#planned = null
      if (this.#looking) this.look()
      else void this.#lookAtAll()
    })
    this.#planned = { atMs, cancel }
  }

  async #lookAtAll(): Promise<void> {
    const { clock } = this.#components
    this.#looking = true
    const wishes = this.#init.wishes()
    for (const content of [...this.#kept.keys()]) {
      if (!wishes.some((wish) => wish.content === content)) this.#kept.delete(content)
    }
    this.#meetRelays()
    let nextAtMs = Infinity
    for (const wish of wishes) {
      const known = this.#kept.get(wish.content)
      let dueAtMs = Math.max(wish.fromMs, known?.nextLookAtMs ?? 0)
      if (dueAtMs <= clock.now()) {
        const status = await this.#look(wish)
        if (!this.#running) break
        const pauseMs = pauseAfter(status, known)
        dueAtMs = clock.now() + pauseMs
        this.#kept.set(wish.content, { status, nextLookAtMs: dueAtMs, pauseMs })
        this.#init.changed(wish.content, status)
      }
      nextAtMs = Math.min(nextAtMs, dueAtMs)
    }
    this.#looking = false
    if (nextAtMs !== Infinity) this.#plan(Math.max(SETTLE_MS, nextAtMs - clock.now()))
  }

  /** When there are others than before, what none of those took is looked at now. */
  #meetRelays(): void {
    const { network, peers } = this.#components
    const without = new Set(
      network
        .relays()
        .flatMap(({ name, said }) => (said !== null && said.copies === null ? [name] : [])),
    )
    const relays = peers.myRelays().filter((relay) => !without.has(relay))
    if (relays.every((relay) => this.#relays.includes(relay))) {
      this.#relays = relays
      return
    }
    this.#relays = relays
    for (const kept of this.#kept.values()) {
      if (kept.status.relay !== null) continue
      kept.nextLookAtMs = 0
      kept.pauseMs = 0
    }
  }

  /** Asks the relay that has it, then the others. */
  async #look(wish: Wish): Promise<CopyStatus> {
    const known = this.#kept.get(wish.content)?.status.relay ?? null
    // Before any relay holds a reservation, nothing can be said.
    if (this.#components.peers.myRelays().length === 0) return ASKING
    let status: CopyStatus = { ...ASKING, state: 'none' }
    for (const relay of new Set(known === null ? this.#relays : [known, ...this.#relays])) {
      const answer = await this.#ask(relay, wish)
      if (answer.relay !== null) return answer
      if (answer.state !== 'none') status = answer
    }
    return status
  }

  async #ask(relay: string, { content, bytes, untilMs }: Wish): Promise<CopyStatus> {
    const { network, clock, log } = this.#components
    try {
      const answer = await network.askRelay(relay, COPIES, {
        type: 'keep',
        content: manifestHashOf(content),
        bytes,
        forMs: Math.max(1, untilMs - clock.now()),
      })
      if (answer.type === 'keeping') {
        const { complete, taken } = answer
        return { state: complete ? 'kept' : 'sending', relay, taken }
      }
      if (answer.type === 'released' || answer.reason === 'busy') return ASKING
      return { ...ASKING, state: answer.reason }
    } catch (error) {
      if (error instanceof Error && error.name === 'UnsupportedProtocolError') {
        return { ...ASKING, state: 'none' }
      }
      log.debug(`${relay} was not asked to keep a copy: ${String(error)}`)
      return ASKING
    }
  }
}

const ASKING: CopyStatus = { state: 'asking', relay: null, taken: 0 }

function pauseAfter({ state }: CopyStatus, known: Kept | undefined): number {
  if (state === 'sending') return LOOK_MS
  if (state === 'kept') return VISIT_MS
  const pauseMs = known?.status.relay === null ? known.pauseMs * 2 : 0
  return Math.min(Math.max(pauseMs, RETRY_MS.first), RETRY_MS.max)
}
