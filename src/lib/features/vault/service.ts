import * as v from 'valibot'
import {
  createDatabaseKey,
  openOnDevice,
  openWithPassphrase,
  sealForDevice,
  sealWithPassphrase,
} from '../../crypto/database-key.ts'
import { partingKeyOf } from '../../crypto/parting-key.ts'
import type { Stretch } from '../../crypto/stretch.ts'
import { live } from '../../db/live.ts'
import { check } from '../../protocol/check.ts'
import type { Clock, Random, Startable } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import {
  MAX_PASSPHRASE_CHARS,
  MIN_PASSPHRASE_CHARS,
  type LockAfterMinutes,
  type VaultApi,
  type VaultStatus,
} from './api.ts'
import { NoPassphraseError, PassphraseLengthError, WrongPassphraseError } from './errors.ts'
import type { Keyring, KeyringStore } from './store.ts'

export interface VaultComponents {
  store: KeyringStore
  stretch: Stretch
  clock: Clock
  random: Random
  host: {
    /** Stops everything that uses the network or the database; what is under way ends. */
    stop(): Promise<void>
    /** Deletes all databases but those of the keyring; `stop` was called. */
    eraseDatabases(): Promise<void>
    /** Ends the host and with it all that is in memory: every tab is told, after the one that asked has its answer. */
    lock(): void
    /** Nothing is left: every tab is told, after the one that asked has its answer. */
    erased(): void
  }
}

const MINUTE_MS = 60_000

/** Until the person chooses another time: who sets a passphrase wants what is here to be locked. */
const FIRST_LOCK_AFTER_MINUTES = 15

const lockAfterSchema = v.nullable(v.picklist([1, 5, 15, 60, 240]))
const passphraseSchema = v.pipe(v.string(), v.maxLength(MAX_PASSPHRASE_CHARS))

/**
 * Holds the key of the database while it is open. Until there is a passphrase it opens by itself; with one only when
 * that is given, once for all tabs, and locks again on demand, after a time without use, and when the host ends.
 *
 * It goes from locked to open and never back: what locks is the end of the host, so that nothing is left in memory
 * that a component forgot to drop.
 */
export class VaultService implements VaultApi, Startable {
  readonly #components: VaultComponents
  readonly #listeners = new Set<() => void>()
  readonly #opened = Promise.withResolvers<Uint8Array<ArrayBuffer>>()
  readonly #loaded = Promise.withResolvers<undefined>()
  #keyring: Keyring | null = null
  #databaseKey: Uint8Array<ArrayBuffer> | null = null
  #usedAtMs = 0
  #stopWaiting: (() => void) | null = null
  #locking = false

  constructor(components: VaultComponents) {
    this.#components = components
  }

  /** The key of the database, once it is open. Not to be changed. */
  get opened(): Promise<Uint8Array<ArrayBuffer>> {
    return this.#opened.promise
  }

  /** Opens by itself when it can: on the first start, and as long as there is no passphrase. */
  async start(): Promise<void> {
    const { store } = this.#components
    this.#keyring = await store.load()
    if (this.#keyring === null) await this.#begin()
    else if (this.#keyring.seal.type === 'device')
      this.#open(await openOnDevice(this.#keyring.seal))
    this.#loaded.resolve(undefined)
    this.#changed()
  }

  /** Overwrites the key. */
  stop(): void {
    this.#stopWaiting?.()
    this.#stopWaiting = null
    this.#databaseKey?.fill(0)
    this.#databaseKey = null
  }

  async *watchVault({ signal }: AbortOptions = {}): AsyncIterable<VaultStatus> {
    await this.#loaded.promise
    yield* live(() => Promise.resolve(this.#status()), {
      ...(signal && { signal }),
      changes: (again) => {
        this.#listeners.add(again)
        return () => this.#listeners.delete(again)
      },
    })
  }

  async unlock(passphrase: string): Promise<void> {
    await this.#loaded.promise
    if (this.#databaseKey !== null) return
    this.#open(await this.#keyBy(passphrase))
    this.#changed()
  }

  async setPassphrase(next: string, current: string): Promise<void> {
    const { random, stretch } = this.#components
    check(passphraseSchema, next)
    const length = [...next].length
    if (length < MIN_PASSPHRASE_CHARS) throw new PassphraseLengthError(`${length} characters`)
    const databaseKey = await this.#keyBy(current)
    const isFirst = this.#keyring!.seal.type === 'device'
    await this.#save({
      seal: await sealWithPassphrase(databaseKey, next, stretch, random),
      ...(isFirst && { lockAfterMinutes: FIRST_LOCK_AFTER_MINUTES }),
    })
    this.#use()
  }

  async removePassphrase(current: string): Promise<void> {
    const databaseKey = await this.#keyBy(current)
    await this.#saveForDevice(databaseKey)
  }

  async setLockAfter(minutes: LockAfterMinutes): Promise<void> {
    await this.#loaded.promise
    this.#requirePassphrase()
    await this.#save({ lockAfterMinutes: check(lockAfterSchema, minutes) })
    this.#use()
  }

  async lock(): Promise<void> {
    await this.#loaded.promise
    this.#requirePassphrase()
    this.#lock()
  }

  async used(): Promise<void> {
    await this.#loaded.promise
    // The timer does not fire while a device sleeps.
    if (this.#idleMs() >= this.#lockAfterMs()) this.#lock()
    else this.#use()
  }

  async *watchPartingKey({ signal }: AbortOptions = {}): AsyncIterable<Uint8Array> {
    const databaseKey = await this.#opened.promise
    if (signal?.aborted !== true) yield partingKeyOf(databaseKey)
  }

  async erase(options?: AbortOptions): Promise<void> {
    const { host, store } = this.#components
    options?.signal?.throwIfAborted()
    await host.stop()
    await host.eraseDatabases()
    // Last: as long as the keyring is there, what is left of the rest can be opened, and so erased again.
    await store.destroy()
    host.erased()
  }

  /** A browser without a keyring: a new key, open for whoever has the device. */
  async #begin(): Promise<void> {
    const databaseKey = createDatabaseKey(this.#components.random)
    await this.#saveForDevice(databaseKey)
    this.#open(databaseKey)
  }

  async #saveForDevice(databaseKey: Uint8Array<ArrayBuffer>): Promise<void> {
    const { random } = this.#components
    const save = async (readable: boolean): Promise<void> => {
      const seal = await sealForDevice(databaseKey, random, readable)
      await this.#save({ seal, lockAfterMinutes: null })
    }
    try {
      await save(false)
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'DataCloneError') throw error
      await save(true)
    }
  }

  #open(databaseKey: Uint8Array<ArrayBuffer>): void {
    this.#databaseKey = databaseKey
    this.#opened.resolve(databaseKey)
    this.#use()
  }

  /** The key of the database, by a passphrase where there is one. @throws WrongPassphraseError */
  async #keyBy(passphrase: string): Promise<Uint8Array<ArrayBuffer>> {
    await this.#loaded.promise
    const { seal } = this.#keyring!
    if (seal.type === 'device') return openOnDevice(seal)
    const { stretch } = this.#components
    const typed = check(passphraseSchema, passphrase)
    const databaseKey = await openWithPassphrase(seal, typed, stretch)
    if (databaseKey === null) throw new WrongPassphraseError('another passphrase')
    return databaseKey
  }

  async #save(changes: Partial<Keyring>): Promise<void> {
    const keyring = { ...this.#keyring!, ...changes }
    await this.#components.store.save(keyring)
    this.#keyring = keyring
    this.#changed()
  }

  #lock(): void {
    if (this.#locking || this.#databaseKey === null) return
    this.#locking = true
    this.#components.host.lock()
  }

  #use(): void {
    this.#usedAtMs = this.#components.clock.now()
    this.#wait()
  }

  #wait(): void {
    this.#stopWaiting?.()
    this.#stopWaiting = null
    const leftMs = this.#lockAfterMs() - this.#idleMs()
    if (this.#databaseKey === null || leftMs === Infinity) return
    this.#stopWaiting = this.#components.clock.after(leftMs, () => {
      this.#lock()
    })
  }

  #idleMs(): number {
    return this.#components.clock.now() - this.#usedAtMs
  }

  #lockAfterMs(): number {
    return (this.#keyring?.lockAfterMinutes ?? Infinity) * MINUTE_MS
  }

  #requirePassphrase(): void {
    if (this.#keyring?.seal.type !== 'passphrase')
      throw new NoPassphraseError('nothing to unlock it')
  }

  #status(): VaultStatus {
    if (this.#databaseKey === null) return { state: 'locked' }
    const { seal, lockAfterMinutes } = this.#keyring!
    return { state: 'open', passphrase: seal.type === 'passphrase', lockAfterMinutes }
  }

  #changed(): void {
    for (const again of this.#listeners) again()
  }
}
