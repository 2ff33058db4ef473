import type { Connection } from '@libp2p/interface'
import type { Clock, Logger, Random } from '../../protocol/seams.ts'
import type { RelayAddress } from '../addresses.ts'
import { Backoff } from '../backoff.ts'
import { NoAnswerError, NotRunningError } from '../errors.ts'
import { CONNECT_TIMEOUT_MS } from './relay-dialer.ts'

/** How long a place is held before a second way to it is opened, in ms: what is cut soon is cut by then. */
export const STEADY_MS = 90_000

/** A relay of whose places more are taken, in percent, is left to those who have no way to it yet. */
export const MAX_LOAD_PERCENT = 50

/** The longest wait after a second way did not come about, in ms. */
export const MAX_SPARE_RETRY_MS = 60 * 60_000

/** The relay that matters most. */
export interface MainRelay {
  address: RelayAddress
  /** Over which it holds a place. */
  connection: Connection
  /** See `RelayStatusAnswer`; null: it did not say. */
  loadPercent: number | null
}

export interface SpareComponents {
  /** Null: none holds a place, or there is no network. */
  main: () => MainRelay | null
  /** By another way than it is connected by, standing aside; null: none is known. */
  connectBeside: (main: MainRelay, signal: AbortSignal) => Promise<Connection | null>
  /** The open direct connections to the same relay, the first one in use. */
  connectionsBeside: (connection: Connection) => Connection[]
  clock: Clock
  random: Random
  log: Logger
}

/**
 * Keeps a second connection to one relay, by another way than the one in use, with nothing on it: when that one
 * breaks, the place and the circuits are asked for over this one, and nothing has to be dialled. One for each device.
 */
export class Spare {
  readonly #components: SpareComponents
  readonly #backoff: Backoff
  #spare: Connection | null = null
  #dialling: AbortController | null = null
  #cancelTimer: (() => void) | null = null

  constructor(components: SpareComponents) {
    this.#components = components
    this.#backoff = new Backoff(components.random, {
      firstMs: STEADY_MS,
      maxMs: MAX_SPARE_RETRY_MS,
    })
  }

  /** A relay has given a place: looks once it has been steady for a while. */
  plan(): void {
    this.#backoff.reset()
    this.#lookIn(STEADY_MS)
  }

  stop(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#dialling?.abort(new NotRunningError('the relay book is closed'))
    this.#spare = null
  }

  #lookIn(delayMs: number): void {
    this.#cancelTimer?.()
    this.#cancelTimer = this.#components.clock.after(delayMs, () => {
      this.#cancelTimer = null
      void this.#look()
    })
  }

  async #look(): Promise<void> {
    const main = this.#components.main()
    if (this.#dialling !== null || this.#isKept()) return
    const hasRoom = (main?.loadPercent ?? 100) <= MAX_LOAD_PERCENT
    if (main !== null && hasRoom) await this.#open(main)
    else this.#later()
  }

  async #open(main: MainRelay): Promise<void> {
    const { connectBeside, clock, log } = this.#components
    const dialling = new AbortController()
    this.#dialling = dialling
    const cancel = clock.after(CONNECT_TIMEOUT_MS, () => {
      dialling.abort(new NoAnswerError(`no second way to ${main.address.host}`))
    })
    try {
      const spare = await connectBeside(main, dialling.signal)
      dialling.signal.throwIfAborted()
      if (spare === null) this.#later()
      else this.#keep(spare)
    } catch (error) {
      log.debug(`no second way to ${main.address.host}: ${String(error)}`)
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
  }

  /** Whether there is one that is not in use: it is, once the one before it broke. */
  #isKept(): boolean {
    const spare = this.#spare
    if (spare?.status !== 'open') return false
    return this.#components.connectionsBeside(spare)[0] !== spare
  }

  #later(): void {
    this.#lookIn(STEADY_MS + this.#backoff.next())
  }
}
