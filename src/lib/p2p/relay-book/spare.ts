import type { Connection } from '@libp2p/interface'
import type { Clock, Logger, Random } from '../../protocol/seams.ts'
import type { RelayAddress } from '../addresses.ts'
import type { BrowserNetwork } from '../api.ts'
import { Backoff } from '../backoff.ts'
import { NoAnswerError, NotRunningError } from '../errors.ts'
import type { Pinger } from '../ping.ts'
import { PROVEN_MS } from '../ways/way-finder.ts'
import { CONNECT_TIMEOUT_MS } from './relay-dialer.ts'

/** How long a place is held before a second way to it is opened, in ms: what is cut soon is cut by then. */
export const STEADY_MS = 90_000

/** A relay of whose places more are taken, in percent, is left to those who have no way to it yet. */
export const MAX_LOAD_PERCENT = 50

/** The longest wait after a second way did not come about, in ms. */
export const MAX_SPARE_RETRY_MS = 60 * 60_000

/** No page was in sight for so long: nobody is just about to come back, in ms. */
export const OUT_OF_SIGHT_MS = 60_000

/** A relay that holds a place for me. */
export interface Held {
  address: RelayAddress
  /** Over which it does. */
  connection: Connection
  /** See `RelayStatusAnswer`; null: it did not say. */
  loadPercent: number | null
  /** It matters most: a second way to it is kept also where that is no better. */
  isMain: boolean
}

export interface SpareComponents {
  /** Null: it holds no place, or there is no network. */
  held: () => Held | null
  /**
   * By another way than it is connected by, standing aside; `better`: by one that is. Null: none is known.
   */
  connectBeside: (
    held: Held,
    which: 'any' | 'better',
    signal: AbortSignal,
  ) => Promise<Connection | null>
  /** Whether this one goes by a better way than the one in use. */
  isBetter: (held: Held, spare: Connection) => boolean
  /** This one is used from now on; the one in use ends once what goes over it has followed. */
  moveTo: (held: Held, spare: Connection) => void
  pinger: Pick<Pinger, 'ping'>
  browser: BrowserNetwork
  clock: Clock
  random: Random
  log: Logger
}

/**
 * A second connection to one relay, by another way than the one in use.
 *
 * To the relay that matters most one is kept with nothing on it: when the first breaks, the place and the circuits are asked for
 * over this one, and nothing has to be dialled. One by a better way than that in use is opened to any relay, and once it has
 * lasted is used instead: a network may let through again what it did not. While no page is in sight there is none.
 */
export class Spare {
  readonly #components: SpareComponents
  readonly #backoff: Backoff
  #spare: Connection | null = null
  #dialling: AbortController | null = null
  #cancelTimer: (() => void) | null = null
  #lookAtMs = Infinity

  constructor(components: SpareComponents) {
    this.#components = components
    this.#backoff = new Backoff(components.random, {
      firstMs: STEADY_MS,
      maxMs: MAX_SPARE_RETRY_MS,
    })
  }

  /** The relay has given a place: looks once it has been steady for a while. */
  plan(): void {
    this.#backoff.reset()
    this.#lookIn(STEADY_MS)
  }

  /** The network may be another, or a page came into sight: what failed before may go now. */
  wake(): void {
    this.#backoff.reset()
    if (this.#lookAtMs > this.#components.clock.now() + STEADY_MS) this.#lookIn(STEADY_MS)
  }

  /** No page is in sight any more: unless one is soon, there is none. */
  hide(): void {
    this.#lookIn(OUT_OF_SIGHT_MS)
  }

  stop(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#lookAtMs = Infinity
    this.#dialling?.abort(new NotRunningError('there is no second way any more'))
    this.#spare = null
  }

  #lookIn(delayMs: number): void {
    const { clock } = this.#components
    this.#cancelTimer?.()
    this.#lookAtMs = clock.now() + delayMs
    this.#cancelTimer = clock.after(delayMs, () => {
      this.#cancelTimer = null
      this.#lookAtMs = Infinity
      void this.#look()
    })
  }

  async #look(): Promise<void> {
    const { held: find, browser } = this.#components
    if (browser.hidden) {
      this.#letGo('nobody looks')
      return
    }
    if (this.#dialling !== null) return
    const held = find()
    const spare = this.#spare
    // It came into use once the one before it broke.
    if (spare?.status !== 'open' || spare === held?.connection) this.#spare = null
    if (held === null) this.#later()
    else if (this.#spare === null) await this.#open(held)
    else await this.#judge(held, this.#spare)
  }

  async #open(held: Held): Promise<void> {
    const { connectBeside, clock, log } = this.#components
    const mayBeKept = held.isMain && (held.loadPercent ?? 100) <= MAX_LOAD_PERCENT
    const dialling = new AbortController()
    this.#dialling = dialling
    const cancel = clock.after(CONNECT_TIMEOUT_MS, () => {
      dialling.abort(new NoAnswerError(`no second way to ${held.address.host}`))
    })
    try {
      const spare = await connectBeside(held, mayBeKept ? 'any' : 'better', dialling.signal)
      if (dialling.signal.aborted) spare?.abort(dialling.signal.reason as Error)
      dialling.signal.throwIfAborted()
      if (spare === null) this.#later()
      else this.#keep(spare)
    } catch (error) {
      log.debug(`no second way to ${held.address.host}: ${String(error)}`)
      if (!(error instanceof NotRunningError)) this.#later()
    } finally {
      cancel()
      this.#dialling = null
    }
  }

  #keep(spare: Connection): void {
    this.#spare = spare
    spare.addEventListener('close', () => {
      if (this.#spare === spare) this.#later()
    })
    this.#lookIn(PROVEN_MS)
  }

  /** What has lasted is used if it is better, and may be so later, as both are measured. */
  async #judge(held: Held, spare: Connection): Promise<void> {
    const { isBetter, moveTo, pinger } = this.#components
    if (!isBetter(held, spare)) {
      if (held.isMain) this.#lookIn(STEADY_MS)
      else {
        this.#letGo('it is no better')
        this.#later()
      }
      return
    }
    const answers = await pinger.ping(spare).then(
      () => true,
      () => false,
    )
    if (this.#spare !== spare) return
    if (!answers) {
      this.#letGo('it does not answer')
      this.#later()
      return
    }
    this.#spare = null
    moveTo(held, spare)
    // It may break before the other one ends.
    this.#lookIn(STEADY_MS)
  }

  #letGo(why: string): void {
    const spare = this.#spare
    this.#spare = null
    this.#dialling?.abort(new NotRunningError(why))
    spare?.abort(new NotRunningError(`a second way is let go: ${why}`))
  }

  #later(): void {
    this.#lookIn(STEADY_MS + this.#backoff.next())
  }
}
