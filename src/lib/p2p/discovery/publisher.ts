import type { Identity } from '../../crypto/api.ts'
import { DIRECTORY } from '../../protocol/directory.ts'
import {
  MAX_RECORD_RELAYS,
  PEER_RECORD_LIFE_MS,
  sealPeerRecord,
} from '../../protocol/peer-record.ts'
import type { Clock, Logger, Random } from '../../protocol/seams.ts'
import { Backoff } from '../backoff.ts'
import type { RelayBook } from '../relay-book/relay-book.ts'
import { askRelay } from '../ask-relay.ts'

/** A record is made anew this often: three tries before the last one expires. */
export const RENEW_MS = PEER_RECORD_LIFE_MS / 4

/** Reservations come one after another at the start; one record soon after the last says it all. */
export const SETTLE_MS = 250

export interface PublisherComponents {
  identity: Identity
  relays: RelayBook
  clock: Clock
  random: Random
  log: Logger
}

/** Keeps my own peer record at the relays that hold a reservation for me: on every change, and before it expires. */
export class Publisher {
  readonly #components: PublisherComponents
  readonly #backoff: Backoff
  #cancelTimer: (() => void) | null = null
  #running = false
  #sequence = 0

  constructor(components: PublisherComponents) {
    this.#components = components
    this.#backoff = new Backoff(components.random, { firstMs: 2_000, maxMs: 5 * 60_000 })
    components.relays.addEventListener('reserved', () => {
      this.#backoff.reset()
      this.#plan(SETTLE_MS)
    })
    components.relays.addEventListener('lost', () => {
      this.#plan(SETTLE_MS)
    })
  }

  start(): void {
    this.#running = true
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
      void this.#publish()
    })
  }

  async #publish(): Promise<void> {
    const { relays, identity, clock, log } = this.#components
    const connections = relays.reservedConnections()
    if (connections.length === 0) return
    // More than in any record before, also after the clock was set back.
    const sequence = Math.max(clock.now(), this.#sequence + 1)
    this.#sequence = sequence
    const record = await sealPeerRecord(
      {
        peer: identity.peer,
        relays: connections
          .map(({ remoteAddr }) => remoteAddr.toString())
          .slice(0, MAX_RECORD_RELAYS),
        sequence,
        expiresAtMs: sequence + PEER_RECORD_LIFE_MS,
      },
      identity,
    )
    const answers = await Promise.allSettled(
      connections.map(async (connection) => {
        const answer = await askRelay(connection, DIRECTORY, { type: 'publish', record }, clock)
        if (answer.type === 'refused') log.warn(`a relay refused my record: ${answer.reason}`)
        return answer.type === 'stored'
      }),
    )
    const stored = answers.filter((a) => a.status === 'fulfilled' && a.value).length
    log.debug(`my record is at ${stored} of ${connections.length} relays`)
    // A reservation that came or went meanwhile is not in it.
    if (this.#cancelTimer !== null) return
    if (stored < connections.length) this.#plan(this.#backoff.next())
    else this.#plan(RENEW_MS)
  }
}
