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

/** Where kad-dht keeps values and provider records; everything else passes through. */
const RECORDS = '/dht/record/'
const PROVIDERS = '/dht/provider/'

/** Who put what was there before a restart: counted in all, in nobody's share. */
const UNKNOWN = ''

export interface QuotaDatastoreComponents {
  datastore: Datastore
  clock: Clock
  refusals: Refusals
  /** The peer that puts; `null`: the relay itself, which has no quota of its own. */
  asker: () => string | null
  /** Whether this peer is a relay that puts the records of its clients. */
  isRelay: (peer: string) => boolean
}

interface Entry {
  owner: string
  putAtMs: number
}

/**
 * Bounds what the DHT keeps: the length of a value, the records of one peer, the records in all, and their age.
 * kad-dht itself stores whatever validates, without a count. As libp2p's datastore it is started before libp2p listens,
 * and stopped by it.
 */
export class QuotaDatastore extends WrappedDatastore {
  readonly #components: QuotaDatastoreComponents
  readonly #entries = new Map<string, Entry>()
  readonly #counts = new Map<string, number>()
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
    const putAtMs = this.#components.clock.now()
    for (const prefix of [RECORDS, PROVIDERS]) {
      for await (const key of this.inner.queryKeys({ prefix })) {
        this.#remember(key.toString(), { owner: UNKNOWN, putAtMs })
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
    if (isDht(name)) this.#admit(name, value)
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

  /** Deletes what kad-dht no longer answers with. */
  async #sweep(): Promise<void> {
    const oldestMs = this.#components.clock.now() - DHT_RECORD_LIFE_MS
    for (const [name, { putAtMs }] of this.#entries) {
      if (putAtMs <= oldestMs) await this.delete(new Key(name, false))
    }
  }

  #admit(name: string, value: Uint8Array): void {
    const { asker, clock, isRelay, refusals } = this.#components
    if (value.byteLength > MAX_DHT_VALUE_BYTES) {
      refusals.count('dht-value-too-large')
      throw new QuotaError(
        `${value.byteLength} bytes where at most ${MAX_DHT_VALUE_BYTES} are kept`,
      )
    }
    const held = this.#entries.get(name)
    const peer = asker()
    if (held === undefined) {
      if (this.#entries.size >= MAX_DHT_RECORDS) {
        refusals.count('dht-records-total')
        throw new QuotaError(`${MAX_DHT_RECORDS} records are kept, no more`)
      }
      const max =
        peer !== null && isRelay(peer) ? MAX_DHT_RECORDS_PER_RELAY : MAX_DHT_RECORDS_PER_PEER
      if (peer !== null && (this.#counts.get(peer) ?? 0) >= max) {
        refusals.count('dht-records-per-peer')
        throw new QuotaError(`${max} records of one peer are kept, no more`)
      }
    }
    // Who put it first keeps it in its share: putting somebody's record again must not use up theirs.
    this.#remember(name, { owner: held?.owner ?? peer ?? UNKNOWN, putAtMs: clock.now() })
  }

  #remember(name: string, entry: Entry): void {
    this.#forget(name)
    this.#entries.set(name, entry)
    if (entry.owner !== UNKNOWN) {
      this.#counts.set(entry.owner, (this.#counts.get(entry.owner) ?? 0) + 1)
    }
  }

  #forget(name: string): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    this.#entries.delete(name)
    const left = (this.#counts.get(entry.owner) ?? 1) - 1
    if (left <= 0) this.#counts.delete(entry.owner)
    else this.#counts.set(entry.owner, left)
  }
}

function isDht(name: string): boolean {
  return name.startsWith(RECORDS) || name.startsWith(PROVIDERS)
}
