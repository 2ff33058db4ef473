import { NotFoundError } from '@libp2p/interface'
import { type Datastore, Key, type KeyQuery, type Pair, type Query } from 'interface-datastore'
import type { Clock, Logger } from '#lib/protocol/seams.ts'
import { DISK_RETRY_MS, MAX_UNWRITTEN_BYTES, MAX_UNWRITTEN_ENTRIES } from '../limits.ts'
import type { Refusals } from '../refusals.ts'
import { WrappedDatastore } from './wrapped-datastore.ts'

export interface ResilientDatastoreComponents {
  disk: Disk
  clock: Clock
  log: Logger
  refusals: Refusals
}

/** A datastore on a disk that can fill up. */
export interface Disk extends Datastore {
  /**
   * Makes a store that has failed writable again; LevelDB takes no write after a failed one until it is opened
   * anew. Rejects, and leaves it as it is, while the disk takes nothing.
   */
  recover(): Promise<void>
}

/**
 * A datastore that outlives a full or read-only disk: what cannot be written is kept in memory, answered from there,
 * and written once the disk takes writes again. At most `MAX_UNWRITTEN_ENTRIES` of `MAX_UNWRITTEN_BYTES` are kept; the
 * oldest go first.
 */
export class ResilientDatastore extends WrappedDatastore {
  readonly #components: ResilientDatastoreComponents
  /** What the disk did not take, by key: a value, or `null` for a deletion. */
  readonly #unwritten = new Map<string, Uint8Array | null>()
  #unwrittenBytes = 0
  #cancelRetry: (() => void) | null = null
  #retry: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(components: ResilientDatastoreComponents) {
    super(components.disk)
    this.#components = components
  }

  /** Entries that are in memory only. */
  get unwritten(): number {
    return this.#unwritten.size
  }

  /** Resolves when no retry is under way. */
  async settled(): Promise<void> {
    await this.#retry
  }

  /**
   * Gives up what is not written, and writes nothing after that: libp2p's address manager still saves the relay's own
   * addresses up to a second after its stop, when the disk is closed.
   */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancelRetry?.()
    await this.settled()
  }

  override async put(...[key, value, options]: Parameters<Datastore['put']>): Promise<Key> {
    await this.#write(key, value, () => super.put(key, value, options))
    return key
  }

  override async delete(...[key, options]: Parameters<Datastore['delete']>): Promise<void> {
    await this.#write(key, null, () => super.delete(key, options))
  }

  override async get(...[key, options]: Parameters<Datastore['get']>): Promise<Uint8Array> {
    const unwritten = this.#unwritten.get(key.toString())
    if (unwritten === null) throw new NotFoundError()
    return unwritten ?? (await super.get(key, options))
  }

  override async has(...[key, options]: Parameters<Datastore['has']>): Promise<boolean> {
    const unwritten = this.#unwritten.get(key.toString())
    return unwritten === undefined ? await super.has(key, options) : unwritten !== null
  }

  override async *_all(query: Query): AsyncGenerator<Pair> {
    for await (const pair of super._all(query)) {
      if (!this.#unwritten.has(pair.key.toString())) yield pair
    }
    for (const [name, value] of this.#unwritten) {
      if (value !== null) yield { key: new Key(name, false), value }
    }
  }

  override async *_allKeys(query: KeyQuery): AsyncGenerator<Key> {
    for await (const key of super._allKeys(query)) {
      if (!this.#unwritten.has(key.toString())) yield key
    }
    for (const [name, value] of this.#unwritten) {
      if (value !== null) yield new Key(name, false)
    }
  }

  async #write(key: Key, value: Uint8Array | null, write: () => Promise<unknown>): Promise<void> {
    if (this.#stopped) return
    if (this.#cancelRetry === null) {
      try {
        await write()
        this.#drop(key.toString())
        return
      } catch (error) {
        this.#components.log.error('the disk takes no writes: going on from memory', error)
        this.#retryLater()
      }
    }
    this.#components.refusals.count('disk-write')
    this.#keep(key.toString(), value)
  }

  #keep(name: string, value: Uint8Array | null): void {
    this.#drop(name)
    this.#unwritten.set(name, value)
    this.#unwrittenBytes += bytesOf(name, value)
    for (const [oldest] of this.#unwritten) {
      const isFull =
        this.#unwritten.size > MAX_UNWRITTEN_ENTRIES || this.#unwrittenBytes > MAX_UNWRITTEN_BYTES
      if (!isFull) return
      this.#drop(oldest)
    }
  }

  #drop(name: string): void {
    const value = this.#unwritten.get(name)
    if (value === undefined) return
    this.#unwritten.delete(name)
    this.#unwrittenBytes -= bytesOf(name, value)
  }

  #retryLater(): void {
    if (this.#stopped) return
    this.#cancelRetry?.()
    this.#cancelRetry = this.#components.clock.after(DISK_RETRY_MS, () => {
      this.#retry = this.#recover()
    })
  }

  async #recover(): Promise<void> {
    try {
      await this.#components.disk.recover()
      // Also what is added meanwhile: a Map is walked to its end, wherever that moves.
      for (const [name, value] of this.#unwritten) {
        const key = new Key(name, false)
        await (value === null ? super.delete(key) : super.put(key, value))
        // Kept when it changed meanwhile.
        if (this.#unwritten.get(name) === value) this.#drop(name)
      }
      this.#cancelRetry = null
      this.#components.log.info('the disk takes writes again')
    } catch (error) {
      this.#components.log.warn(`the disk still takes no writes: ${String(error)}`)
      this.#retryLater()
    }
  }
}

function bytesOf(name: string, value: Uint8Array | null): number {
  return name.length + (value?.byteLength ?? 0)
}
