import type { Connection } from '@libp2p/interface'
import { DIRECTORY } from '../../protocol/directory.ts'
import { type ListedRelay, openRelayList } from '../../protocol/relay-list.ts'
import type { Clock, Logger, Random } from '../../protocol/seams.ts'
import { Backoff } from '../backoff.ts'
import { askRelay } from '../ask-relay.ts'

export interface ReferralsComponents {
  clock: Clock
  random: Random
  log: Logger
  /** The relays to ask; none when enough are known. */
  askable: () => Connection[]
  /** Takes what a relay named. */
  learn: (relays: readonly ListedRelay[]) => Promise<void>
}

/** Asks my relays for others until there are enough: a relay that has just started names none yet. */
export class Referrals {
  readonly #components: ReferralsComponents
  readonly #backoff: Backoff
  #cancelTimer: (() => void) | null = null
  #running = false

  constructor(components: ReferralsComponents) {
    this.#components = components
    this.#backoff = new Backoff(components.random, { firstMs: 4_000, maxMs: 15 * 60_000 })
  }

  /** Asks at once: there is a relay that was not asked yet, or the person is back. */
  start(): void {
    this.#running = true
    this.#backoff.reset()
    this.#plan(0)
  }

  stop(): void {
    this.#running = false
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }

  #plan(delayMs: number): void {
    if (!this.#running) return
    this.#cancelTimer?.()
    this.#cancelTimer = this.#components.clock.after(delayMs, () => {
      this.#cancelTimer = null
      void this.#ask()
    })
  }

  async #ask(): Promise<void> {
    const connections = this.#components.askable()
    if (connections.length === 0) return
    await Promise.all(connections.map((connection) => this.#askOne(connection)))
    // With nothing planned meanwhile: a later start asks by itself.
    if (this.#cancelTimer === null) this.#plan(this.#backoff.next())
  }

  async #askOne(connection: Connection): Promise<void> {
    const { clock, log, learn } = this.#components
    try {
      const answer = await askRelay(connection, DIRECTORY, { type: 'relays' }, clock)
      if (answer.type !== 'relays') return
      const list = await openRelayList(answer.list, clock.now())
      // A relay speaks for itself only: another's list may be old or withheld.
      if (this.#running && list.issuer === connection.remotePeer.toString())
        await learn(list.relays)
    } catch (error) {
      log.debug(`a relay named no others: ${String(error)}`)
    }
  }
}
