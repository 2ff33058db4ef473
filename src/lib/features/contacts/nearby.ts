import type { Network } from '../../p2p/api.ts'
import { equalBytes } from '../../protocol/codec.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import { NEARBY, NEARBY_LIFE_MS, type NearbyResponse } from '../../protocol/nearby.ts'
import type { Clock, Logger } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import { watch } from '../../rpc/watch.ts'
import type { Nearby, NearbyPerson } from './api.ts'
import { cardFragment, openCard } from './card.ts'

/** How often relays are asked, in ms. */
export const NEARBY_LOOK_MS = NEARBY_LIFE_MS / 3

/** Relays that are asked: those on one network are likely to have one of their first in common. */
export const MAX_NEARBY_RELAYS = 3

/** The least time between two states that are told, in ms. */
export const PACE_MS = 200

export interface NearbyComponents {
  network: Pick<Network, 'relays' | 'askRelay'>
  clock: Clock
  logger: Logger
}

export interface NearbyInit {
  /** Mine, as it is shown; null: there is none yet. */
  card: () => Uint8Array | null
  /** Whether this is no stranger to me: a contact, or null for one who is not to be shown. */
  isContact: (peer: PeerIdString) => boolean | null
}

const NOBODY: Nearby = { people: [], relays: 'none' }

/**
 * People who show themselves from the same address as I, as my relays see it. I am shown as long as somebody watches, and
 * hidden at once when the last one ends.
 */
export class NearbyPeople {
  readonly #components: NearbyComponents
  readonly #init: NearbyInit
  readonly #listeners = new Set<() => void>()
  /** Relays that were shown my card. */
  readonly #shownAt = new Set<string>()
  #life: AbortController | null = null
  #now = NOBODY

  constructor(components: NearbyComponents, init: NearbyInit) {
    this.#components = components
    this.#init = init
  }

  watch(options?: AbortOptions): AsyncIterable<Nearby> {
    const watched = {
      read: () => this.#now,
      changes: (again: () => void) => {
        this.#listeners.add(again)
        this.#begin()
        return () => {
          this.#listeners.delete(again)
          if (this.#listeners.size === 0) this.stop()
        }
      },
      paceMs: PACE_MS,
    }
    return watch(watched, this.#components.clock, options)
  }

  /** Nobody sees me any more. */
  stop(): void {
    if (this.#life === null) return
    this.#life.abort()
    this.#life = null
    this.#now = NOBODY
    const { network, logger } = this.#components
    for (const relay of this.#shownAt) {
      network.askRelay(relay, NEARBY, { type: 'hide' }).catch((error: unknown) => {
        logger.debug(`a relay shows me until it forgets: ${String(error)}`)
      })
    }
    this.#shownAt.clear()
  }

  #begin(): void {
    if (this.#life !== null) return
    this.#life = new AbortController()
    void this.#look(this.#life.signal)
  }

  async #look(signal: AbortSignal): Promise<void> {
    const { network, clock } = this.#components
    const card = this.#init.card()
    const relays = network
      .relays()
      .filter(({ state }) => state === 'reserved' || state === 'connected')
      .slice(0, MAX_NEARBY_RELAYS)
    if (card !== null) {
      const answers = await Promise.all(
        relays.map(({ address }) => this.#ask(address, card, signal)),
      )
      if (signal.aborted) return
      await this.#told(answers.filter((answer) => answer !== null))
    }
    if (signal.aborted) return
    const cancel = clock.after(NEARBY_LOOK_MS, () => {
      signal.removeEventListener('abort', cancel)
      void this.#look(signal)
    })
    signal.addEventListener('abort', cancel, { once: true })
  }

  async #ask(relay: string, card: Uint8Array, signal: AbortSignal): Promise<NearbyResponse | null> {
    const { network, logger } = this.#components
    try {
      this.#shownAt.add(relay)
      return await network.askRelay(relay, NEARBY, { type: 'show', card }, { signal })
    } catch (error) {
      if (!signal.aborted) logger.debug(`a relay told of nobody nearby: ${String(error)}`)
      return null
    }
  }

  async #told(answers: readonly NearbyResponse[]): Promise<void> {
    const found = new Map<PeerIdString, NearbyPerson>()
    for (const answer of answers) {
      if (answer.type === 'refused') continue
      for (const { peer, card } of answer.people) {
        const person = found.has(peer) ? null : await this.#person(peer, card)
        if (person !== null) found.set(peer, person)
      }
    }
    const isCrowded = answers.some(({ type }) => type === 'refused')
    this.#now = {
      people: [...found.values()].toSorted((a, b) => a.name.localeCompare(b.name)),
      relays: answers.some(({ type }) => type === 'people')
        ? 'tell'
        : isCrowded
          ? 'refuse'
          : 'none',
    }
    for (const again of [...this.#listeners]) again()
  }

  /** Null: it is not their card, or they are not to be shown. */
  async #person(peer: PeerIdString, bytes: Uint8Array): Promise<NearbyPerson | null> {
    const { clock, logger } = this.#components
    const isContact = this.#init.isContact(peer)
    const own = this.#init.card()
    if (isContact === null || (own !== null && equalBytes(own, bytes))) return null
    try {
      const card = await openCard(bytes, clock.now())
      if (card.peer !== peer) return null
      return { peer, name: card.name, code: cardFragment(bytes), isContact }
    } catch (error) {
      logger.debug(`a relay told of somebody without a card: ${String(error)}`)
      return null
    }
  }
}
