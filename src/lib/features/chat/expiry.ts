import type { Clock, Logger, Startable } from '../../protocol/seams.ts'
import type { ChatJournal } from './journal.ts'
import type { ChatStore } from './store.ts'

/**
 * The clock is looked at this often at least, in milliseconds: a timer of four weeks is longer than browsers count, and
 * clocks are set.
 */
const LOOK_EVERY_MS = 10 * 60_000

export interface ExpiryComponents {
  store: Pick<ChatStore, 'watchNextExpiry'>
  journal: Pick<ChatJournal, 'expire'>
  clock: Clock
  logger: Logger
}

/** Removes messages when their time has come; at its start those whose time came while nothing ran. */
export class Expiry implements Startable {
  readonly #components: ExpiryComponents
  #life: AbortController | null = null
  #following: Promise<void> | null = null
  #cancel: (() => void) | null = null
  #removing: Promise<void> = Promise.resolve()

  constructor(components: ExpiryComponents) {
    this.#components = components
  }

  start(): void {
    if (this.#life !== null) return
    this.#life = new AbortController()
    this.#following = this.#follow(this.#life.signal)
  }

  async stop(): Promise<void> {
    if (this.#life === null) return
    this.#life.abort()
    this.#life = null
    this.#cancel?.()
    this.#cancel = null
    await this.#following
    await this.#removing
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { logger, store } = this.#components
    try {
      for await (const nextAtMs of store.watchNextExpiry({ signal })) this.#await(nextAtMs)
    } catch (error) {
      if (!signal.aborted) logger.error('lost sight of what disappears', error)
    }
  }

  #await(nextAtMs: number | null): void {
    const { clock } = this.#components
    this.#cancel?.()
    this.#cancel = null
    if (nextAtMs === null || this.#life === null) return
    const remove = (): void => {
      this.#cancel = null
      this.#removing = this.#remove(nextAtMs)
    }
    const waitMs = nextAtMs - clock.now()
    if (waitMs <= 0) remove()
    else this.#cancel = clock.after(Math.min(waitMs, LOOK_EVERY_MS), remove)
  }

  /** What is removed changes what comes next, and so is heard of above; else it is looked at again later. */
  async #remove(nextAtMs: number): Promise<void> {
    const { clock, journal, logger } = this.#components
    try {
      if (clock.now() >= nextAtMs) await journal.expire(clock.now())
      else this.#await(nextAtMs)
    } catch (error) {
      logger.error('what was to disappear is still here', error)
      this.#await(clock.now() + LOOK_EVERY_MS)
    }
  }
}
