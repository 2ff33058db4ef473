import type { KadDHT } from '@libp2p/kad-dht'
import { LOOKUP_TIMEOUT_MS } from '#lib/protocol/directory.ts'
import { StarlingError } from '#lib/protocol/errors.ts'
import type { Clock, Logger } from '#lib/protocol/seams.ts'
import { findCodec, openSignpost, peekSignpost, signpostKey } from '#lib/protocol/signpost.ts'
import { getFromDht, putIntoDht } from '../dht/values.ts'
import { MAX_SIGNPOST_LOOKUPS_PER_MINUTE, MAX_SIGNPOSTS_PER_HOUR } from '../limits.ts'
import { RateLimit } from '../rate-limit.ts'
import { RefusedError } from './errors.ts'

export interface SignpostsComponents {
  /** Null until the node is there. */
  dht(): KadDHT | null
  clock: Clock
  log: Logger
}

const NOTHING = new Uint8Array()

/** Puts signposts into the DHT and finds them there, for people who do not want to be known to it. */
export class Signposts {
  readonly #components: SignpostsComponents
  readonly #puts: RateLimit
  readonly #lookups: RateLimit
  readonly #stopping = new AbortController()

  constructor(components: SignpostsComponents) {
    this.#components = components
    this.#puts = new RateLimit(components, { max: MAX_SIGNPOSTS_PER_HOUR, windowMs: 60 * 60_000 })
    this.#lookups = new RateLimit(components, {
      max: MAX_SIGNPOST_LOOKUPS_PER_MINUTE,
      windowMs: 60_000,
    })
  }

  stop(): void {
    this.#stopping.abort()
  }

  /**
   * Answered once it is in the DHT, as far as others can be reached.
   * @throws RefusedError, and like `openSignpost`
   */
  async point(body: Uint8Array, source: string): Promise<Uint8Array> {
    const { clock, log } = this.#components
    if (!this.#puts.allow(source)) throw new RefusedError('mailbox-requests', 'too many signposts')
    const { mailbox } = await openSignpost(body, clock.now())
    const relays = await this.#ask((dht, signal) =>
      putIntoDht(dht, signpostKey(mailbox), body, signal),
    )
    log.debug(`a signpost reached ${relays ?? 0} other relays`)
    return NOTHING
  }

  /** @throws RefusedError, InvalidDataError */
  async find(body: Uint8Array, source: string): Promise<Uint8Array> {
    const { clock } = this.#components
    if (!this.#lookups.allow(source)) throw new RefusedError('mailbox-requests', 'too many lookups')
    const [mailbox] = findCodec.decode(body)
    const found = await this.#ask((dht, signal) =>
      getFromDht(dht, signpostKey(mailbox), sequenceOf, signal),
    )
    if (found === null) throw new RefusedError('mailbox-no-signpost', 'the DHT has none')
    try {
      await openSignpost(found, clock.now())
    } catch (error) {
      if (!(error instanceof StarlingError)) throw error
      throw new RefusedError('mailbox-no-signpost', `the DHT has none that holds: ${error.message}`)
    }
    return found
  }

  /** Null when the DHT does not answer in time. */
  async #ask<T>(act: (dht: KadDHT, signal: AbortSignal) => Promise<T>): Promise<T | null> {
    const { clock, log } = this.#components
    const node = this.#components.dht()
    if (node === null) return null
    const limit = new AbortController()
    const cancel = clock.after(LOOKUP_TIMEOUT_MS, () => {
      limit.abort()
    })
    try {
      return await act(node, AbortSignal.any([this.#stopping.signal, limit.signal]))
    } catch (error) {
      log.debug(`the DHT did not answer: ${String(error)}`)
      return null
    } finally {
      cancel()
    }
  }
}

function sequenceOf(value: Uint8Array): number {
  return peekSignpost(value)?.sequence ?? -1
}
