import { type Datastore, Key } from 'interface-datastore'
import type { Clock } from '#lib/protocol/seams.ts'
import { QuotaError } from '../errors.ts'
import {
  DHT_RECORD_LIFE_MS,
  DHT_SWEEP_MS,
  MAX_DHT_RECORDS,
  MAX_DHT_RECORDS_PER_PEER,
  MAX_DHT_RECORDS_PER_RELAY,
  MAX_DHT_VALUE_BYTES,
} from '../limits.ts'
import type { Refusals } from '../refusals.ts'
import { WrappedDatastore } from '../store/wrapped-datastore.ts'
import { usefulUntilMs } from './record-life.ts'
import { Shares } from './shares.ts'

/** Where kad-dht keeps values and provider records; everything else passes through. */
const RECORDS = '/dht/record/'
const PROVIDERS = '/dht/provider/'

/** Owner of what the relay itself put for its clients, and of what was there before a restart. */
const SELF = ''

export interface QuotaDatastoreComponents {
  datastore: Datastore
  clock: Clock
  refusals: Refusals
  /** The peer that puts; `null`: the relay itself, which is refused nothing. */
  asker: () => string | null
  /** Whether this peer is a relay that puts the records of its clients. */
  isRelay: (peer: string) => boolean
}

interface Entry {
  owner: string
  /** Deleted after that, in ms since 1970. */
  untilMs: number
}

/**
 * Bounds what the DHT keeps: the length of a value, the records of one peer, the records in all, and their age.
 * kad-dht itself stores whatever validates, without a count. Who is within its share is never refused: when all places
 * are taken, whoever has used most of its own loses its oldest record. As libp2p's datastore it is started before
 * libp2p listens, and stopped by it.
 */
export class QuotaDatastore extends WrappedDatastore {
  readonly #components: QuotaDatastoreComponents
  readonly #entries = new Map<string, Entry>()
  readonly #shares = new Shares((owner) => this.#maxOf(owner))
  #cancelSweep: (() => void) | null = null
  #sweeping: Promise<void> = Promise.resolve()

  constructor(components: QuotaDatastoreComponents) {
    super(components.datastore)
    this.#components = components
  }

  /** Records there are. */
  get size(): number {
    return this.#entries.size
  }

  /** Counts what earlier runs left, and begins to sweep. */
  async start(): Promise<void> {
    for (const prefix of [RECORDS, PROVIDERS]) {
      for await (const { key, value } of this.inner.query({ prefix })) {
        const name = key.toString()
        this.#remember(name, { owner: SELF, untilMs: this.#untilMs(name, value) })
      }
    }
    this.#sweepLater()
  }

  /** Resolves when no sweep is under way. */
  async settled(): Promise<void> {
    await this.#sweeping
  }

  async stop(): Promise<void> {
    this.#cancelSweep?.()
    await this.settled()
    this.#cancelSweep?.()
  }

  /** @throws QuotaError */
  override async put(...[key, value, options]: Parameters<Datastore['put']>): Promise<Key> {
    const name = key.toString()
    if (isDht(name)) {
      this.#admit(name, value)
      await this.#makeRoom()
    }
    return await super.put(key, value, options)
  }

  override async delete(...[key, options]: Parameters<Datastore['delete']>): Promise<void> {
    this.#forget(key.toString())
    await super.delete(key, options)
  }

  #sweepLater(): void {
    this.#cancelSweep = this.#components.clock.after(DHT_SWEEP_MS, () => {
      this.#sweeping = this.#sweep().then(() => {
        this.#sweepLater()
      })
    })
  }

  /** Deletes what is of no use any more. */
  async #sweep(): Promise<void> {
    const nowMs = this.#components.clock.now()
    for (const [name, { untilMs }] of this.#entries) {
      if (untilMs <= nowMs) await this.delete(new Key(name, false))
    }
  }

  #admit(name: string, value: Uint8Array): void {
    const { asker, refusals } = this.#components
    if (value.byteLength > MAX_DHT_VALUE_BYTES) {
      refusals.count('dht-value-too-large')
      throw new QuotaError(
        `${value.byteLength} bytes where at most ${MAX_DHT_VALUE_BYTES} are kept`,
      )
    }
    const held = this.#entries.get(name)
    const peer = asker()
    if (held === undefined && peer !== null && this.#shares.count(peer) >= this.#maxOf(peer)) {
      refusals.count('dht-records-per-peer')
      throw new QuotaError(`${this.#maxOf(peer)} records of one peer are kept, no more`)
    }
    // Who put it first keeps it in its share, as putting somebody's record again must not use up theirs. What the relay
    // itself puts is its own: no stranger who was faster takes it along.
    const owner = peer === null ? SELF : (held?.owner ?? peer)
    this.#remember(name, { owner, untilMs: this.#untilMs(name, value) })
  }

  async #makeRoom(): Promise<void> {
    while (this.#entries.size > MAX_DHT_RECORDS) {
      const name = this.#shares.first()
      if (name === undefined) return
      this.#components.refusals.count('dht-records-total')
      await this.delete(new Key(name, false))
    }
  }

  #maxOf(owner: string): number {
    if (owner === SELF) return MAX_DHT_RECORDS
    return this.#components.isRelay(owner) ? MAX_DHT_RECORDS_PER_RELAY : MAX_DHT_RECORDS_PER_PEER
  }

  #untilMs(name: string, value: Uint8Array): number {
    if (name.startsWith(RECORDS)) return usefulUntilMs(value)
    // kad-dht itself deletes those that a restart has made younger here.
    return this.#components.clock.now() + DHT_RECORD_LIFE_MS
  }

  #remember(name: string, entry: Entry): void {
    this.#forget(name)
    this.#entries.set(name, entry)
    this.#shares.add(entry.owner, name)
  }

  #forget(name: string): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    this.#entries.delete(name)
    this.#shares.remove(entry.owner, name)
  }
}

function isDht(name: string): boolean {
  return name.startsWith(RECORDS) || name.startsWith(PROVIDERS)
}
