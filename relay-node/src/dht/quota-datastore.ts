import { type Datastore, Key } from 'interface-datastore'
import { PROVIDER_LIFE_MS } from '#lib/protocol/providers.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import { QuotaError, StaleRecordError } from '../errors.ts'
import {
  DHT_SWEEP_MS,
  MAX_DHT_RECORDS,
  MAX_DHT_RECORDS_PER_PEER,
  MAX_DHT_RECORDS_PER_RELAY,
  MAX_DHT_SIGNPOSTS,
  MAX_DHT_VALUE_BYTES,
} from '../limits.ts'
import type { Refusals } from '../refusals.ts'
import { WrappedDatastore } from '../store/wrapped-datastore.ts'
import { receivedAt, recordLife } from './record-life.ts'
import { Shares } from './shares.ts'

/** Where kad-dht keeps values and provider records; everything else passes through. */
const RECORDS = '/dht/record/'
const PROVIDERS = '/dht/provider/'

/** Owner of what the relay itself put for its clients, and of what was there before a restart. */
const SELF = ''

export interface QuotaDatastoreComponents {
  datastore: Datastore
  /** The relay's own id. */
  self: string
  clock: Clock
  refusals: Refusals
  /** The peer that puts; `null`: the relay itself, which is refused nothing. */
  asker: () => string | null
  /** Whether this peer is a relay that puts the records of its clients. */
  isRelay: (peer: string) => boolean
}

/** Each has places of its own: whoever fills those of signposts takes none from peer records. */
type Kind = 'record' | 'signpost'

/** How many of each are kept. */
export type DhtPlaces = Readonly<Record<Kind, number>>

const PLACES: DhtPlaces = { record: MAX_DHT_RECORDS, signpost: MAX_DHT_SIGNPOSTS }

interface Entry {
  owner: string
  kind: Kind
  /** Of a signpost, the larger the newer; others have 0. */
  sequence: number
  /** Deleted after that, in ms since 1970. */
  untilMs: number
}

/**
 * Bounds what the DHT keeps: the length of a value, the records of one peer, the records in all, and their age; and lets
 * no older signpost replace a newer one. kad-dht itself stores whatever validates, without a count. Who is within its share is never refused: when all places
 * are taken, whoever has used most of its own loses its oldest record. As libp2p's datastore it is started before
 * libp2p listens, and stopped by it.
 */
export class QuotaDatastore extends WrappedDatastore {
  readonly #components: QuotaDatastoreComponents
  readonly #places: DhtPlaces
  readonly #entries = new Map<string, Entry>()
  readonly #shares: Readonly<Record<Kind, Shares>> = {
    record: new Shares((owner) => this.#maxOf(owner, 'record')),
    signpost: new Shares((owner) => this.#maxOf(owner, 'signpost')),
  }
  #cancelSweep: (() => void) | null = null
  #sweeping: Promise<void> = Promise.resolve()

  constructor(components: QuotaDatastoreComponents, places: DhtPlaces = PLACES) {
    super(components.datastore)
    this.#components = components
    this.#places = places
  }

  /** Records there are. */
  get size(): number {
    return this.#entries.size
  }

  /**
   * Counts what earlier runs left, and begins to sweep. That the relay itself provides something is forgotten: whom it spoke for
   * it does not know any more, and kad-dht would renew it for ever. Who still has it says so again.
   */
  async start(): Promise<void> {
    const own: Key[] = []
    for (const prefix of [RECORDS, PROVIDERS]) {
      for await (const { key, value } of this.inner.query({ prefix })) {
        const name = key.toString()
        if (name.startsWith(PROVIDERS) && key.name() === this.#components.self) own.push(key)
        else this.#remember(name, this.#entry(name, value, SELF))
      }
    }
    for (const key of own) await super.delete(key)
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

  /** @throws QuotaError, StaleRecordError */
  override async put(...[key, value, options]: Parameters<Datastore['put']>): Promise<Key> {
    const name = key.toString()
    if (isDht(name)) await this.#makeRoom(this.#admit(name, value))
    return await super.put(key, value, options)
  }

  /**
   * A signpost says itself how long it stands. kad-dht knows that of no record: it deletes each that it received more
   * than 48 h ago when somebody asks for it.
   */
  override async get(...[key, options]: Parameters<Datastore['get']>): Promise<Uint8Array> {
    const stored = await super.get(key, options)
    if (!key.toString().startsWith(RECORDS)) return stored
    const nowMs = this.#components.clock.now()
    const { signpostSequence, untilMs } = recordLife(stored)
    return signpostSequence !== null && untilMs > nowMs ? receivedAt(stored, nowMs) : stored
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

  #admit(name: string, value: Uint8Array): Kind {
    const { asker, refusals } = this.#components
    if (value.byteLength > MAX_DHT_VALUE_BYTES) {
      refusals.count('dht-value-too-large')
      throw new QuotaError(
        `${value.byteLength} bytes where at most ${MAX_DHT_VALUE_BYTES} are kept`,
      )
    }
    const held = this.#entries.get(name)
    const peer = asker()
    const entry = this.#entry(name, value, peer ?? SELF)
    const { kind } = entry
    if (held !== undefined && held.sequence > entry.sequence) {
      throw new StaleRecordError('a newer signpost is held')
    }
    if (held === undefined && peer !== null) {
      const max = this.#maxOf(peer, kind)
      if (this.#shares[kind].count(peer) >= max) {
        refusals.count('dht-records-per-peer')
        throw new QuotaError(`${max} records of one peer are kept, no more`)
      }
    }
    // Who put it first keeps it in its share, as putting somebody's record again must not use up theirs. What the relay
    // itself puts is its own: no stranger who was faster takes it along.
    const owner = peer === null ? SELF : (held?.owner ?? peer)
    this.#remember(name, { ...entry, owner })
    return kind
  }

  async #makeRoom(kind: Kind): Promise<void> {
    const shares = this.#shares[kind]
    while (shares.size > this.#places[kind]) {
      const name = shares.first()
      if (name === undefined) return
      this.#components.refusals.count('dht-records-total')
      await this.delete(new Key(name, false))
    }
  }

  #maxOf(owner: string, kind: Kind): number {
    if (owner === SELF) return this.#places[kind]
    return this.#components.isRelay(owner) ? MAX_DHT_RECORDS_PER_RELAY : MAX_DHT_RECORDS_PER_PEER
  }

  #entry(name: string, value: Uint8Array, owner: string): Entry {
    if (!name.startsWith(RECORDS)) {
      // kad-dht itself deletes those that a restart has made younger here.
      const untilMs = this.#components.clock.now() + PROVIDER_LIFE_MS
      return { owner, kind: 'record', sequence: 0, untilMs }
    }
    const { signpostSequence, untilMs } = recordLife(value)
    const kind = signpostSequence === null ? 'record' : 'signpost'
    return { owner, kind, sequence: signpostSequence ?? 0, untilMs }
  }

  #remember(name: string, entry: Entry): void {
    this.#forget(name)
    this.#entries.set(name, entry)
    this.#shares[entry.kind].add(entry.owner, name)
  }

  #forget(name: string): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    this.#entries.delete(name)
    this.#shares[entry.kind].remove(entry.owner, name)
  }
}

function isDht(name: string): boolean {
  return name.startsWith(RECORDS) || name.startsWith(PROVIDERS)
}
