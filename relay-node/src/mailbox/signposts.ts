import type { KadDHT } from '@libp2p/kad-dht'
import { LOOKUP_TIMEOUT_MS } from '#lib/protocol/directory.ts'
import type { Clock, Logger } from '#lib/protocol/seams.ts'
import {
  findCodec,
  openSignpost,
  peekSignpost,
  signpostKey,
  validateSignpost,
} from '#lib/protocol/signpost.ts'
import { getFromDht, putIntoDht, type ValueKind } from '../dht/values.ts'
import { StaleRecordError } from '../errors.ts'
import {
  MAX_REMEMBERED_SHARES,
  MAX_SIGNPOST_LOOKUPS_PER_MINUTE,
  MAX_SIGNPOSTS_PER_HOUR,
} from '../limits.ts'
import { RateLimit } from '../rate-limit.ts'
import { RefusedError } from './errors.ts'
import type { MailboxStore } from './store.ts'

export interface SignpostsComponents {
  /** Null until the node is there, and once it stops. */
  dht(): KadDHT | null
  store: Pick<MailboxStore, 'oneTimeLeft'>
  clock: Clock
  log: Logger
}

const NOTHING = new Uint8Array()

/**
 * Puts signposts into the DHT and finds them there, for people who do not want to be known to it. Those alone who can be
 * written to here have theirs put up: a signpost stands for 30 days at many relays, and prekeys count in a quota.
 */
export class Signposts {
  readonly #components: SignpostsComponents
  readonly #puts: RateLimit
  readonly #lookups: RateLimit
  readonly #kind: ValueKind
  readonly #stopping = new AbortController()
  readonly #underWay = new Set<Promise<unknown>>()

  constructor(components: SignpostsComponents) {
    this.#components = components
    this.#kind = { sequenceOf, validate: validateSignpost(components.clock) }
    this.#puts = new RateLimit(components, {
      max: MAX_SIGNPOSTS_PER_HOUR,
      windowMs: 60 * 60_000,
      maxAskers: MAX_REMEMBERED_SHARES,
    })
    this.#lookups = new RateLimit(components, {
      max: MAX_SIGNPOST_LOOKUPS_PER_MINUTE,
      windowMs: 60_000,
    })
  }

  /** Resolves when nothing is asked of the DHT any more. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.allSettled(this.#underWay)
  }

  /**
   * Answered once it, or a newer one, is in the DHT, as far as others can be reached.
   * @throws RefusedError, and like `openSignpost`
   */
  async point(body: Uint8Array, source: string): Promise<Uint8Array> {
    const { clock, log, store } = this.#components
    if (!this.#puts.allow(source)) throw new RefusedError('mailbox-requests', 'too many signposts')
    const { mailbox } = await openSignpost(body, clock.now())
    if ((await store.oneTimeLeft(mailbox, clock.now())) === null) {
      throw new RefusedError('mailbox-not-allowed', 'no prekeys are published here')
    }
    try {
      const relays = await this.#ask((dht, signal) =>
        putIntoDht(dht, signpostKey(mailbox), body, signal),
      )
      log.debug(`a signpost reached ${relays} other relays`)
    } catch (error) {
      if (!(error instanceof StaleRecordError)) {
        throw new RefusedError('mailbox-failed', `the DHT took no signpost: ${String(error)}`)
      }
      log.debug('a newer signpost stands')
    }
    return NOTHING
  }

  /** @throws RefusedError, InvalidDataError */
  async find(body: Uint8Array, source: string): Promise<Uint8Array> {
    if (!this.#lookups.allow(source)) throw new RefusedError('mailbox-requests', 'too many lookups')
    const [mailbox] = findCodec.decode(body)
    const found = await this.#find(mailbox)
    if (found === null) throw new RefusedError('mailbox-no-signpost', 'the DHT has none')
    return found
  }

  async #find(mailbox: Uint8Array): Promise<Uint8Array | null> {
    try {
      return await this.#ask((dht, signal) =>
        getFromDht(dht, signpostKey(mailbox), this.#kind, signal),
      )
    } catch (error) {
      this.#components.log.debug(`the DHT did not answer: ${String(error)}`)
      return null
    }
  }

  /** @throws RefusedError when there is no DHT, and what `act` throws, also when the DHT does not answer in time */
  async #ask<T>(act: (dht: KadDHT, signal: AbortSignal) => Promise<T>): Promise<T> {
    const dht = this.#components.dht()
    if (dht === null) throw new RefusedError('mailbox-failed', 'there is no DHT now')
    const limit = new AbortController()
    const cancel = this.#components.clock.after(LOOKUP_TIMEOUT_MS, () => {
      limit.abort()
    })
    const asked = act(dht, AbortSignal.any([this.#stopping.signal, limit.signal]))
    this.#underWay.add(asked)
    try {
      return await asked
    } finally {
      cancel()
      this.#underWay.delete(asked)
    }
  }
}

function sequenceOf(value: Uint8Array): number {
  return peekSignpost(value)?.sequence ?? -1
}
