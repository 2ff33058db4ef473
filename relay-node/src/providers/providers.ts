/**
 * The relay's side of `/starling/providers/1.0.0` (src/lib/protocol/providers.ts).
 *
 * Others find what is known here by a provider record of the DHT (libp2p's own, kad-dht), in which this relay stands for
 * everybody it knows: no browser must be known to the DHT, nobody can name somebody else there, and when one goes or comes,
 * nothing is to be said to other relays as long as one is left.
 */
import type { Connection, PeerId } from '@libp2p/interface'
import type { KadDHT } from '@libp2p/kad-dht'
import { lpStream } from '@libp2p/utils'
import { CID } from 'multiformats/cid'
import * as raw from 'multiformats/codecs/raw'
import { create as createDigest } from 'multiformats/hashes/digest'
import { StarlingError } from '#lib/protocol/errors.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import {
  FIND_TIMEOUT_MS,
  MAX_FOUND_PROVIDERS,
  MAX_PROVIDER_REQUESTS_PER_MINUTE,
  PROVIDERS,
  type ProvidersRequest,
  type ProvidersResponse,
} from '#lib/protocol/providers.ts'
import { openKeptRecord } from '#lib/protocol/revocation.ts'
import type { Logger, Startable } from '#lib/protocol/seams.ts'
import { Answers, type AnswersComponents } from '../answers.ts'
import { QuotaError } from '../errors.ts'
import { sourceOfConnection } from '../inbound.ts'
import { MAX_RELAYS_ASKED, PROVIDERS_SWEEP_MS } from '../limits.ts'
import type { RelayNode } from '../node.ts'
import { RateLimit } from '../rate-limit.ts'
import { within } from '../within.ts'
import type { ProviderRecords } from './provider-records.ts'

/** The multihash code of SHA-256 (https://github.com/multiformats/multicodec). */
const SHA_256 = 0x12

export interface ProvidersComponents extends AnswersComponents {
  libp2p: Pick<RelayNode, 'handle' | 'unhandle' | 'dialProtocol' | 'peerId'>
  dht: KadDHT
  records: ProviderRecords
  log: Logger
}

export class Providers implements Startable {
  readonly #components: ProvidersComponents
  readonly #requests: RateLimit
  readonly #answers: Answers<ProvidersRequest, ProvidersResponse>
  readonly #stopping = new AbortController()
  readonly #underWay = new Set<Promise<void>>()
  #cancelSweep: (() => void) | null = null

  constructor(components: ProvidersComponents) {
    this.#components = components
    this.#requests = new RateLimit(components, {
      max: MAX_PROVIDER_REQUESTS_PER_MINUTE,
      windowMs: 60_000,
    })
    this.#answers = new Answers(components, {
      question: PROVIDERS,
      malformed: 'provider-invalid',
      answer: (request, peer, connection) => this.#answer(request, peer, connection),
    })
  }

  async start(): Promise<void> {
    this.#sweepLater()
    await this.#answers.start()
  }

  async stop(): Promise<void> {
    this.#cancelSweep?.()
    this.#stopping.abort()
    await this.#answers.stop()
    await Promise.allSettled(this.#underWay)
  }

  /** Names somebody as having something, as this relay names itself. @throws like `ProviderRecords.put` */
  async provide(record: Uint8Array, source: string): Promise<void> {
    const { key } = await this.#components.records.put(record, source)
    this.#spread((signal) => this.#tell(key, signal))
  }

  /** Whether this relay was told that what this is the key of is given no more. */
  revoked(key: Uint8Array): boolean {
    return this.#components.records.revoked(key)
  }

  withdraw(peer: PeerIdString, key: Uint8Array): void {
    const { records } = this.#components
    records.remove(peer, key)
    if (!records.has(key)) this.#forget(key)
  }

  async #answer(
    request: ProvidersRequest,
    peer: PeerIdString,
    connection: Connection,
  ): Promise<ProvidersResponse> {
    const { refusals } = this.#components
    if (!this.#requests.allow(peer)) {
      refusals.count('provider-requests')
      return { type: 'refused', reason: 'busy' }
    }
    switch (request.type) {
      case 'provide':
        return await this.#provide(request.record, peer, connection)
      case 'withdraw':
        this.withdraw(peer, request.key)
        return { type: 'withdrawn' }
      case 'find':
        return { type: 'providers', records: await this.#find(request.key, request.scope) }
    }
  }

  async #provide(
    record: Uint8Array,
    peer: PeerIdString,
    connection: Connection,
  ): Promise<ProvidersResponse> {
    const { clock, refusals } = this.#components
    try {
      const { peer: provider } = await openKeptRecord(record, clock.now())
      if (provider === peer) {
        await this.provide(record, sourceOfConnection(connection))
        return { type: 'stored' }
      }
    } catch (error) {
      if (error instanceof QuotaError) {
        refusals.count('provider-records')
        return { type: 'refused', reason: 'full' }
      }
      if (!(error instanceof StarlingError)) throw error
    }
    refusals.count('provider-invalid')
    return { type: 'refused', reason: 'invalid' }
  }

  async #find(key: Uint8Array, scope: 'relay' | 'network'): Promise<Uint8Array[]> {
    const here = this.#components.records.some(key, MAX_FOUND_PROVIDERS)
    if (scope === 'relay' || here.length === MAX_FOUND_PROVIDERS) return here
    const elsewhere = await this.#elsewhere(key)
    return [...here, ...elsewhere].slice(0, MAX_FOUND_PROVIDERS)
  }

  /** What the relays know that the DHT names. */
  async #elsewhere(key: Uint8Array): Promise<Uint8Array[]> {
    const { dht, log, clock, libp2p } = this.#components
    const found: Uint8Array[] = []
    const asked: Promise<void>[] = []
    const relays = new Set<string>([libp2p.peerId.toString()])
    try {
      await within(clock, FIND_TIMEOUT_MS, this.#stopping.signal, async (signal) => {
        try {
          for await (const event of dht.findProviders(cidOf(key), { signal })) {
            if (event.name !== 'PROVIDER' && event.name !== 'PEER_RESPONSE') continue
            for (const { id } of event.providers) {
              if (relays.has(id.toString()) || relays.size > MAX_RELAYS_ASKED) continue
              relays.add(id.toString())
              asked.push(this.#ask(id, key, found, signal))
            }
          }
        } finally {
          await Promise.all(asked)
        }
      })
    } catch (error) {
      log.debug(`the DHT named no more providers: ${String(error)}`)
    }
    return found
  }

  /** Adds what another relay knows to `found`; who does not answer knows nothing. */
  async #ask(
    relay: PeerId,
    key: Uint8Array,
    found: Uint8Array[],
    signal: AbortSignal,
  ): Promise<void> {
    const { libp2p, clock, log } = this.#components
    try {
      const stream = await libp2p.dialProtocol(relay, PROVIDERS.protocol, { signal })
      try {
        const frames = lpStream(stream, { maxDataLength: PROVIDERS.maxResponseBytes })
        const request = PROVIDERS.request.encode({ type: 'find', key, scope: 'relay' })
        await frames.write(request, { signal })
        const answer = PROVIDERS.response.decode((await frames.read({ signal })).subarray())
        if (answer.type !== 'providers') return
        for (const record of answer.records) {
          const { key: named } = await openKeptRecord(record, clock.now())
          if (Buffer.compare(named, key) === 0) found.push(record)
        }
      } finally {
        stream.abort(new Error('asked'))
      }
    } catch (error) {
      log.debug(`a relay named no providers: ${String(error)}`)
    }
  }

  async #tell(key: Uint8Array, signal: AbortSignal): Promise<void> {
    const { dht } = this.#components
    for await (const { name } of dht.provide(cidOf(key), { signal })) {
      this.#components.log.debug(`providing: ${name}`)
    }
  }

  #forget(key: Uint8Array): void {
    this.#spread(() => this.#components.dht.cancelReprovide(cidOf(key)))
  }

  /** Tells the DHT; nobody waits for it. */
  #spread(act: (signal: AbortSignal) => Promise<void>): void {
    const { clock, log } = this.#components
    const spreading = within(clock, FIND_TIMEOUT_MS, this.#stopping.signal, act)
      .catch((error: unknown) => {
        log.debug(`the DHT was not told of a provider: ${String(error)}`)
      })
      .finally(() => this.#underWay.delete(spreading))
    this.#underWay.add(spreading)
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#components.clock.after(PROVIDERS_SWEEP_MS, () => {
      for (const key of this.#components.records.sweep()) this.#forget(key)
      this.#sweepLater()
    })
  }
}

function cidOf(key: Uint8Array): CID {
  return CID.createV1(raw.code, createDigest(SHA_256, key))
}
