import * as v from 'valibot'
import type { IdentitySecrets } from '../../crypto/api.ts'
import {
  backupBytes,
  openBackup,
  readBackupHead,
  sealBackup,
  type BackupSecret,
} from '../../crypto/backup-file.ts'
import { mlDsaSeedOf, openIdentity, secretsFrom } from '../../crypto/identity.ts'
import { phraseOf, randomWords, readPhrase } from '../../crypto/recovery-phrase.ts'
import { live } from '../../db/live.ts'
import type { Stretch } from '../../crypto/stretch.ts'
import { newDevice } from '../../db/device.ts'
import type { DeviceRow, IdentityRow, SafekeepingRow, StarlingDatabase } from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'
import { check } from '../../protocol/check.ts'
import { equalBytes } from '../../protocol/codec.ts'
import { InvalidDataError, LimitExceededError } from '../../protocol/errors.ts'
import { peerIdOf, type PeerIdString } from '../../protocol/ids.ts'
import { cleanName, isValidName } from '../../protocol/names.ts'
import type { Clock, Random, Startable } from '../../protocol/seams.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import type {
  BackupApi,
  BackupInfo,
  BackupKey,
  Installation,
  Phrase,
  PhraseCheck,
  RestoreKey,
  Safekeeping,
} from './api.ts'
import { DamagedBackupError, InvalidPhraseError, WrongBackupKeyError } from './errors.ts'
import { clearHalf, Restoration } from './restoration.ts'
import { checkVersion, decodeRow, encodeRow, encodeVersion, type BackupRow } from './rows.ts'
import { sample, snapshot } from './snapshot.ts'
import { NOTHING_KEPT, type SafekeepingStore } from './store.ts'

/** Words of a password made here: 66 bits, and Argon2id before each guess. */
export const ONE_TIME_WORDS = 6

/** Longest password, in UTF-16 units. */
export const MAX_PASSWORD_CHARS = 1_024

/** Messages an estimate looks at: it is right within a few per cent. */
const SAMPLED_MESSAGES = 200

/** What rows beside messages take: flags, chains and times of a conversation, and a contact. */
const BYTES_A_CONVERSATION = 1_500

export interface BackupComponents {
  db: StarlingDatabase
  store: SafekeepingStore
  /** Becomes who these secrets are of; `write` stores them. See ProfileService. */
  profile: { become(secrets: IdentitySecrets, write: () => Promise<void>): Promise<unknown> }
  stretch: Stretch
  clock: Clock
  random: Random
}

export interface BackupInit {
  /** This installation has taken the place of those before; told when that is durable, before the node starts. */
  onRestored?(device: DeviceRow): void
}

const keySchema: v.GenericSchema<unknown, BackupKey> = v.variant('type', [
  v.strictObject({ type: v.literal('phrase') }),
  v.strictObject({
    type: v.literal('password'),
    password: v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_PASSWORD_CHARS)),
  }),
])

/**
 * The recovery phrase and backups. A backup is made while all goes on, and holds together; a restoration is whole or
 * leaves nothing, and never uses a key of the installation it is from again: sessions begin anew.
 */
export class BackupService implements BackupApi, Startable {
  readonly #components: BackupComponents
  readonly #init: BackupInit

  constructor(components: BackupComponents, init: BackupInit) {
    this.#components = components
    this.#init = init
  }

  /** Before anybody can come or come back. */
  async start(): Promise<void> {
    const { db } = this.#components
    if ((await db.identity.get('me')) === undefined) await clearHalf(db)
    // Who was here before installations were told apart.
    else if ((await db.device.get('me')) === undefined)
      await db.device.put(newDevice(this.#components))
  }

  stop(): void {
    // What is under way ends with the calls that asked for it.
  }

  watchSafekeeping(options?: AbortOptions): AsyncIterable<Safekeeping> {
    return this.#components.store.watch(options)
  }

  watchInstallation(options?: AbortOptions): AsyncIterable<Installation | null> {
    const { db } = this.#components
    return live(async () => (await db.device.get('me')) ?? null, options)
  }

  async phrase(): Promise<Phrase> {
    const { ed25519Seed, mlDsaSeed } = await this.#identity()
    return {
      words: phraseOf(ed25519Seed),
      whole: equalBytes(mlDsaSeed, mlDsaSeedOf(ed25519Seed)),
    }
  }

  phraseKept(): Promise<void> {
    const { clock, store } = this.#components
    return store.change({ phraseKeptAtMs: clock.now() })
  }

  declineOffer(): Promise<void> {
    const { clock, store } = this.#components
    return store.change({ declinedAtMs: clock.now() })
  }

  checkPhrase(text: string): Promise<PhraseCheck> {
    const reading = readPhrase(check(v.string(), text))
    return Promise.resolve(reading.type === 'phrase' ? { type: 'phrase' } : reading)
  }

  oneTimePassword(): Promise<string> {
    return Promise.resolve(randomWords(this.#components.random, ONE_TIME_WORDS).join(' '))
  }

  async estimate(): Promise<{ bytes: number }> {
    const { db } = this.#components
    const { messages, some } = await sample(db, SAMPLED_MESSAGES)
    const sampled = some.reduce((sum, row) => sum + encodeRow(['messages', row]).byteLength + 4, 0)
    const conversations = await db.conversations.count()
    const itemBytes =
      messages * (some.length === 0 ? 0 : sampled / some.length) +
      conversations * BYTES_A_CONVERSATION
    return { bytes: backupBytes(Math.ceil(itemBytes)) }
  }

  async *write(key: BackupKey, options?: AbortOptions): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const { clock, random, stretch } = this.#components
    const checked = check(keySchema, key)
    const { ed25519Seed } = await this.#identity()
    const secret: BackupSecret =
      checked.type === 'phrase' ? { type: 'phrase', ed25519Seed } : checked
    yield* sealBackup({ stretch, random }, secret, clock.now(), this.#items(options))
  }

  written(bytes: number): Promise<void> {
    const { clock, store } = this.#components
    const counted = check(v.pipe(v.number(), v.safeInteger(), v.minValue(0)), bytes)
    return store.change({ backup: { atMs: clock.now(), bytes: counted } })
  }

  read(file: Blob): Promise<BackupInfo> {
    return readBackupHead(check(v.blob(), file))
  }

  async restore(file: Blob, key: RestoreKey, options?: AbortOptions): Promise<void> {
    const source = check(v.blob(), file)
    if (key.type === 'phrase') {
      await this.#restore(source, { type: 'phrase', ed25519Seed: seedOf(key.phrase) }, options)
      return
    }
    const { password } = check(keySchema, key) as { password: string }
    try {
      await this.#restore(source, { type: 'password', password }, options)
    } catch (error) {
      // One made here is words, and a keyboard adds capitals and blanks.
      const words = password.toLowerCase().trim().split(/\s+/).join(' ')
      if (!(error instanceof WrongBackupKeyError) || words === password) throw error
      await this.#restore(source, { type: 'password', password: words }, options)
    }
  }

  async restoreIdentity(phrase: string, name: string): Promise<void> {
    const { clock, db, profile } = this.#components
    const ed25519Seed = seedOf(phrase)
    const clean = cleanName(check(v.string(), name))
    if (!isValidName(clean)) throw new InvalidDataError('no name')
    const secrets = secretsFrom(ed25519Seed, mlDsaSeedOf(ed25519Seed))
    const now = clock.now()
    const device = newDevice(this.#components)
    await profile.become(secrets, async () => {
      const tables = [db.identity, db.profile, db.device, db.safekeeping]
      await orStorageFull(
        db.transaction('rw', tables, async () => {
          await db.identity.add({ key: 'me', ...secrets })
          await db.profile.add({ key: 'me', name: clean, createdAtMs: now })
          await db.device.put(device)
          await db.safekeeping.put({ ...NOTHING_KEPT, phraseKeptAtMs: now })
        }),
      )
      this.#init.onRestored?.(device)
    })
  }

  async #restore(source: Blob, secret: BackupSecret, options?: AbortOptions): Promise<void> {
    const { clock, db, profile, stretch } = this.#components
    const rows = rowsOf(openBackup({ stretch }, source, secret))
    const safekeeping: SafekeepingRow = {
      ...NOTHING_KEPT,
      phraseKeptAtMs: secret.type === 'phrase' ? clock.now() : null,
      backup: { atMs: (await readBackupHead(source)).createdAtMs, bytes: source.size },
    }
    try {
      const first = await rows.next()
      if (first.done === true || first.value[0] !== 'identity') {
        throw new DamagedBackupError('of nobody')
      }
      const secrets = secretsOf(first.value[1])
      const me = peerIdOf((await openIdentity(secrets)).publicKey)
      await profile.become(secrets, async () => {
        await clearHalf(db)
        const restoration = new Restoration(this.#components, me)
        try {
          await restoration.take(first.value)
          for await (const row of rows) {
            options?.signal?.throwIfAborted()
            await restoration.take(row)
          }
          const device = await restoration.end(safekeeping)
          this.#init.onRestored?.(device)
        } catch (error) {
          await clearHalf(db)
          throw error
        }
      })
    } finally {
      await rows.return(undefined)
    }
  }

  async *#items(options?: AbortOptions): AsyncGenerator<Uint8Array> {
    const { db } = this.#components
    yield encodeVersion()
    for await (const row of snapshot(db, await this.#me(), options)) yield encodeRow(row)
  }

  async #me(): Promise<PeerIdString> {
    return (await openIdentity(await this.#identity())).peer
  }

  async #identity(): Promise<IdentityRow> {
    const row = await this.#components.db.identity.get('me')
    if (row === undefined) throw new InvalidDataError('there is nobody here')
    return row
  }
}

/** @throws InvalidPhraseError */
function seedOf(text: unknown): Uint8Array<ArrayBuffer> {
  const reading = readPhrase(check(v.string(), text))
  if (reading.type !== 'phrase') throw new InvalidPhraseError(reading.type)
  return reading.seed
}

/** @throws DamagedBackupError when they do not belong together */
function secretsOf({ ed25519Seed, mlDsaSeed, keyCommitment }: IdentityRow): IdentitySecrets {
  const secrets = secretsFrom(ed25519Seed, mlDsaSeed)
  if (!equalBytes(secrets.keyCommitment, keyCommitment)) {
    throw new DamagedBackupError('keys of different people')
  }
  return secrets
}

/** The rows in a file. @throws DamagedBackupError when one has another shape than rows have */
async function* rowsOf(items: AsyncGenerator<Uint8Array>): AsyncGenerator<BackupRow, undefined> {
  try {
    let first = true
    for await (const item of items) {
      if (first) checkVersion(item)
      else yield decodeRow(item)
      first = false
    }
  } catch (cause) {
    if (!(cause instanceof InvalidDataError || cause instanceof LimitExceededError)) throw cause
    throw new DamagedBackupError('a row of another shape', { cause })
  }
}
