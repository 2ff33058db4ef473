/**
 * The relay's side of `/starling/directory/1.0.0` (src/lib/protocol/directory.ts).
 *
 * Publishing is answered once the record is held; putting it into the DHT goes on after that. A lookup is answered from
 * memory, else from the DHT within `LOOKUP_TIMEOUT_MS`.
 */
import type { KadDHT } from '@libp2p/kad-dht'
import { StarlingError } from '#lib/protocol/errors.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import {
  DIRECTORY,
  type DirectoryRequest,
  type DirectoryResponse,
  LOOKUP_TIMEOUT_MS,
  MAX_DIRECTORY_REQUESTS_PER_MINUTE,
} from '#lib/protocol/directory.ts'
import { openPeerRecord, peerRecordKey, sequenceOf } from '#lib/protocol/peer-record.ts'
import type { Logger, Startable } from '#lib/protocol/seams.ts'
import { Answers, type AnswersComponents } from './answers.ts'
import type { PeerRecords } from './dht/peer-records.ts'
import { getFromDht, putIntoDht } from './dht/values.ts'
import { StaleRecordError } from './errors.ts'
import { RateLimit } from './rate-limit.ts'
import { within } from './within.ts'

export interface DirectoryComponents extends AnswersComponents {
  dht: KadDHT
  records: PeerRecords
  log: Logger
  /** The signed list of other relays. */
  relayList(): Promise<Uint8Array>
}

export class Directory implements Startable {
  readonly #components: DirectoryComponents
  readonly #requests: RateLimit
  readonly #answers: Answers<DirectoryRequest, DirectoryResponse>
  readonly #stopping = new AbortController()

  constructor(components: DirectoryComponents) {
    this.#components = components
    this.#requests = new RateLimit(components, {
      max: MAX_DIRECTORY_REQUESTS_PER_MINUTE,
      windowMs: 60_000,
    })
    this.#answers = new Answers(components, {
      question: DIRECTORY,
      malformed: 'directory-invalid',
      answer: (request, peer) => this.#respond(peer, request),
    })
  }

  start(): Promise<void> {
    return this.#answers.start()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#answers.stop()
  }

  async #respond(peer: PeerIdString, request: DirectoryRequest): Promise<DirectoryResponse> {
    if (!this.#requests.allow(peer)) {
      this.#components.refusals.count('directory-requests')
      return { type: 'refused', reason: 'busy' }
    }
    switch (request.type) {
      case 'publish':
        return await this.#publish(peer, request.record)
      case 'lookup':
        return await this.#lookup(request.peer)
      case 'relays':
        return { type: 'relays', list: await this.#components.relayList() }
    }
  }

  async #publish(peer: PeerIdString, record: Uint8Array): Promise<DirectoryResponse> {
    const { records, clock, refusals } = this.#components
    try {
      const { peer: owner } = await openPeerRecord(record, clock.now())
      if (owner !== peer) {
        refusals.count('directory-invalid')
        return { type: 'refused', reason: 'invalid' }
      }
      await records.put(record)
    } catch (error) {
      if (error instanceof StaleRecordError) return { type: 'refused', reason: 'stale' }
      if (!(error instanceof StarlingError)) throw error
      refusals.count('directory-invalid')
      return { type: 'refused', reason: 'invalid' }
    }
    void this.#spread(peer, record)
    return { type: 'stored' }
  }

  async #spread(peer: PeerIdString, record: Uint8Array): Promise<void> {
    const { dht, log } = this.#components
    try {
      const relays = await this.#within(LOOKUP_TIMEOUT_MS, (signal) =>
        putIntoDht(dht, peerRecordKey(peer), record, signal),
      )
      log.debug(`a record reached ${relays} other relays`)
    } catch (error) {
      log.debug(`a record did not reach the DHT: ${String(error)}`)
    }
  }

  async #lookup(peer: PeerIdString): Promise<DirectoryResponse> {
    const { records, dht, log } = this.#components
    const held = records.get(peer)
    if (held !== null) return { type: 'found', record: held }
    try {
      const found = await this.#within(LOOKUP_TIMEOUT_MS, (signal) =>
        getFromDht(dht, peerRecordKey(peer), { sequenceOf, validate: records.validate }, signal),
      )
      return found === null ? { type: 'unknown' } : { type: 'found', record: found }
    } catch (error) {
      log.debug(`a lookup found nothing: ${String(error)}`)
      return { type: 'unknown' }
    }
  }

  #within<T>(timeoutMs: number, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return within(this.#components.clock, timeoutMs, this.#stopping.signal, act)
  }
}
