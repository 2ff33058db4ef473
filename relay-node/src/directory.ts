/**
 * The relay's side of `/starling/directory/1.0.0` (src/lib/protocol/directory.ts).
 *
 * Publishing is answered once the record is held; putting it into the DHT goes on after that. A lookup is answered from
 * memory, else from the DHT within `LOOKUP_TIMEOUT_MS`.
 */
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { lpStream } from '@libp2p/utils'
import { StarlingError } from '#lib/protocol/errors.ts'
import { type PeerIdString, parsePeerId } from '#lib/protocol/ids.ts'
import {
  DIRECTORY_PROTOCOL,
  type DirectoryRequest,
  directoryRequest,
  type DirectoryResponse,
  directoryResponse,
  LOOKUP_TIMEOUT_MS,
  MAX_DIRECTORY_REQUEST_BYTES,
  MAX_DIRECTORY_REQUESTS_PER_MINUTE,
} from '#lib/protocol/directory.ts'
import { openPeerRecord, peerRecordKey, sequenceOf } from '#lib/protocol/peer-record.ts'
import type { Clock, Logger } from '#lib/protocol/seams.ts'
import type { PeerRecords } from './dht/peer-records.ts'
import { getFromDht, putIntoDht } from './dht/values.ts'
import { StaleRecordError } from './errors.ts'
import { DIRECTORY_IDLE_MS, MAX_DIRECTORY_STREAMS } from './limits.ts'
import type { Refusals } from './refusals.ts'
import { RateLimit } from './rate-limit.ts'

export interface DirectoryComponents {
  libp2p: Pick<Libp2p, 'handle' | 'unhandle'>
  dht: KadDHT
  records: PeerRecords
  clock: Clock
  refusals: Refusals
  log: Logger
  /** The signed list of other relays. */
  relayList(): Promise<Uint8Array>
}

export class Directory {
  readonly #components: DirectoryComponents
  readonly #requests: RateLimit
  readonly #stopping = new AbortController()

  constructor(components: DirectoryComponents) {
    this.#components = components
    this.#requests = new RateLimit(components, {
      max: MAX_DIRECTORY_REQUESTS_PER_MINUTE,
      windowMs: 60_000,
    })
  }

  async start(): Promise<void> {
    await this.#components.libp2p.handle(
      DIRECTORY_PROTOCOL,
      (stream, connection) => {
        void this.#serve(stream, connection)
      },
      // A relayed connection ends at a peer, never at a relay: ordinary connections only.
      { maxInboundStreams: MAX_DIRECTORY_STREAMS },
    )
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#components.libp2p.unhandle(DIRECTORY_PROTOCOL)
  }

  async #serve(stream: Stream, connection: Connection): Promise<void> {
    const frames = lpStream(stream, { maxDataLength: MAX_DIRECTORY_REQUEST_BYTES })
    try {
      const peer = parsePeerId(connection.remotePeer.toString())
      while (stream.readStatus === 'readable') {
        const frame = await this.#within(DIRECTORY_IDLE_MS, (signal) => frames.read({ signal }))
        const response = await this.#respond(peer, directoryRequest.decode(frame.subarray()))
        await this.#within(DIRECTORY_IDLE_MS, (signal) =>
          frames.write(directoryResponse.encode(response), { signal }),
        )
      }
      await this.#within(DIRECTORY_IDLE_MS, (signal) => stream.close({ signal }))
    } catch (error) {
      if (error instanceof StarlingError) this.#components.refusals.count('directory-invalid')
      stream.abort(error instanceof Error ? error : new Error(String(error)))
    }
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

  /** Does this with a signal that says when its time is over, or the relay stops. */
  async #within<T>(timeoutMs: number, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const limit = new AbortController()
    const cancel = this.#components.clock.after(timeoutMs, () => {
      limit.abort()
    })
    try {
      return await act(AbortSignal.any([this.#stopping.signal, limit.signal]))
    } finally {
      cancel()
    }
  }
}
