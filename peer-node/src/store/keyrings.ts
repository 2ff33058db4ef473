import { toHex } from 'multiformats/bytes'
import * as v from 'valibot'
import {
  createDatabaseKey,
  passphraseSealSchema,
  sealWithPassphrase,
} from '#lib/crypto/database-key.ts'
import { stretch } from '#lib/crypto/stretch.ts'
import type { Keyring, KeyringStore } from '#lib/features/vault/store.ts'
import { check } from '#lib/protocol/check.ts'
import type { Random } from '#lib/protocol/seams.ts'
import { PASSPHRASE_VARIABLE } from '../config.ts'
import { ConfigError } from '../errors.ts'
import type { RowFile } from './row-file.ts'

/** Of a passphrase nobody has to know. */
const RANDOM_BYTES = 32

/**
 * What opens the folder: what was given, else a random one that lies in the file itself, which then anybody who has
 * the file can open.
 * @throws ConfigError when the folder was begun with a given one
 */
export function passphraseOf(file: RowFile, given: string | null, random: Random): string {
  if (given !== null) return given
  const kept = file.fact('passphrase')
  if (kept !== null) return check(v.string(), kept)
  if (file.fact('keyring') !== null) {
    throw new ConfigError(`${PASSPHRASE_VARIABLE} is needed: this folder is sealed with it`)
  }
  const made = toHex(random.bytes(RANDOM_BYTES))
  file.know('passphrase', made)
  return made
}

/** Keeps the key of the database in the file. It is sealed by a passphrase always: Node has no key of a device. */
export class FileKeyrings implements KeyringStore {
  readonly #file: RowFile
  readonly #passphrase: string
  readonly #random: Random

  /** @param passphrase seals the first keyring, when there is none yet */
  constructor(file: RowFile, passphrase: string, random: Random) {
    this.#file = file
    this.#passphrase = passphrase
    this.#random = random
  }

  async load(): Promise<Keyring> {
    const kept = this.#file.fact('keyring')
    if (kept !== null) return { seal: check(passphraseSealSchema, kept), lockAfterMinutes: null }
    const key = createDatabaseKey(this.#random)
    const seal = await sealWithPassphrase(key, this.#passphrase, stretch, this.#random)
    key.fill(0)
    const keyring: Keyring = { seal, lockAfterMinutes: null }
    await this.save(keyring)
    return keyring
  }

  save({ seal }: Keyring): Promise<void> {
    if (seal.type === 'device') throw new TypeError('Node has no key of a device')
    this.#file.know('keyring', seal)
    return Promise.resolve()
  }

  destroy(): Promise<void> {
    this.#file.know('keyring', null)
    return Promise.resolve()
  }
}
