/** The relay's side of `/starling/nearby/1.0.0` (src/lib/protocol/nearby.ts). */
import type { PeerIdString } from '#lib/protocol/ids.ts'
import {
  MAX_NEARBY_PEOPLE,
  MAX_NEARBY_REQUESTS_PER_MINUTE,
  NEARBY,
  NEARBY_LIFE_MS,
  type NearbyRequest,
  type NearbyResponse,
} from '#lib/protocol/nearby.ts'
import type { Startable } from '#lib/protocol/seams.ts'
import { Answers, type AnswersComponents } from './answers.ts'
import { sourceOfConnection } from './inbound.ts'
import { MAX_NEARBY_SHOWN } from './limits.ts'
import { RateLimit } from './rate-limit.ts'

interface Shown {
  card: Uint8Array
  untilMs: number
}

/** Who shows themselves at one address. */
type Place = Map<PeerIdString, Shown>

/** Tells people who come from one address of each other, as long as they want it. */
export class Nearby implements Startable {
  readonly #components: AnswersComponents
  readonly #requests: RateLimit
  readonly #answers: Answers<NearbyRequest, NearbyResponse>
  /** By the address they come from, as far as it is one customer's. */
  readonly #places = new Map<string, Place>()

  constructor(components: AnswersComponents) {
    this.#components = components
    this.#requests = new RateLimit(components, {
      max: MAX_NEARBY_REQUESTS_PER_MINUTE,
      windowMs: 60_000,
    })
    this.#answers = new Answers(components, {
      question: NEARBY,
      malformed: 'nearby-malformed',
      answer: (request, peer, connection) =>
        Promise.resolve(this.#answer(request, peer, sourceOfConnection(connection))),
    })
  }

  start(): Promise<void> {
    return this.#answers.start()
  }

  async stop(): Promise<void> {
    await this.#answers.stop()
    this.#places.clear()
  }

  #answer(request: NearbyRequest, peer: PeerIdString, source: string): NearbyResponse {
    if (request.type === 'hide') {
      this.#hide(source, peer)
      return { type: 'people', people: [] }
    }
    if (!this.#requests.allow(peer)) return this.#refused('busy')
    this.#expire(source)
    const others = [...(this.#places.get(source) ?? [])].filter(([other]) => other !== peer)
    if (others.length >= MAX_NEARBY_PEOPLE) return this.#refused('crowded')
    if (!this.#show(source, peer, request.card)) return this.#refused('crowded')
    return { type: 'people', people: others.map(([other, { card }]) => ({ peer: other, card })) }
  }

  #refused(reason: 'busy' | 'crowded'): NearbyResponse {
    this.#components.refusals.count(`nearby-${reason}`)
    return { type: 'refused', reason }
  }

  /** Whether there is room for it. */
  #show(source: string, peer: PeerIdString, card: Uint8Array): boolean {
    const place: Place = this.#places.get(source) ?? new Map<PeerIdString, Shown>()
    if (!place.has(peer) && !this.#hasRoom()) return false
    place.set(peer, { card, untilMs: this.#components.clock.now() + NEARBY_LIFE_MS })
    this.#places.set(source, place)
    return true
  }

  #hasRoom(): boolean {
    const count = (): number => [...this.#places.values()].reduce((sum, { size }) => sum + size, 0)
    if (count() < MAX_NEARBY_SHOWN) return true
    for (const source of [...this.#places.keys()]) this.#expire(source)
    return count() < MAX_NEARBY_SHOWN
  }

  #hide(source: string, peer: PeerIdString): void {
    const place = this.#places.get(source)
    place?.delete(peer)
    if (place?.size === 0) this.#places.delete(source)
  }

  #expire(source: string): void {
    const nowMs = this.#components.clock.now()
    for (const [peer, { untilMs }] of this.#places.get(source) ?? []) {
      if (untilMs <= nowMs) this.#hide(source, peer)
    }
  }
}
