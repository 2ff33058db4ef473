import type { AbortOptions } from '../../rpc/api.ts'

/** What was done so that nothing is lost with this device. */
export interface Safekeeping {
  /** When the person showed that they have the words; null: never. */
  phraseKeptAtMs: number | null
  /** When they did not want to be asked for it; null: they did not say so. */
  declinedAtMs: number | null
  /** The last backup file that was written, here or by whom this was restored from; null: none. */
  backup: { atMs: number; bytes: number } | null
}

export interface Phrase {
  /** 24 of them. */
  words: string[]
  /** Whether they bring back all keys: not so for an identity of an earlier version (docs/CRYPTO.md). */
  whole: boolean
}

/** What a typed text is as a phrase, or the first that is wrong with it. */
export type PhraseCheck =
  | { type: 'phrase' }
  | { type: 'count'; count: number }
  /** `place` counts from 1. The nearest word comes first. */
  | { type: 'word'; place: number; word: string; suggestions: string[] }
  | { type: 'checksum' }

/** What a backup is sealed with: what was typed, or the phrase of this identity. */
export type BackupKey = { type: 'phrase' } | { type: 'password'; password: string }

/** What a backup is opened with. */
export type RestoreKey = { type: 'phrase'; phrase: string } | { type: 'password'; password: string }

/** What a file says about itself before it is opened. */
export interface BackupInfo {
  createdAtMs: number
  key: 'phrase' | 'password'
}

/** This installation of the identity. */
export interface Installation {
  /** Another has taken its place since: nothing is sent or taken in here any more. Null while none has. */
  replacedAtMs: number | null
}

export interface BackupApi {
  /** Null while nobody is here. */
  watchInstallation(options?: AbortOptions): AsyncIterable<Installation | null>
  watchSafekeeping(options?: AbortOptions): AsyncIterable<Safekeeping>
  /** The words that bring this identity back. Secret. */
  phrase(options?: AbortOptions): Promise<Phrase>
  /** The person showed that they have the words. */
  phraseKept(options?: AbortOptions): Promise<void>
  /** They do not want to be asked for it now. */
  declineOffer(options?: AbortOptions): Promise<void>
  checkPhrase(text: string, options?: AbortOptions): Promise<PhraseCheck>
  /** A password to be typed once: words of the recovery phrase's list. */
  oneTimePassword(options?: AbortOptions): Promise<string>
  /** About how long a backup is, in bytes. */
  estimate(options?: AbortOptions): Promise<{ bytes: number }>
  /** The bytes of a backup file, in pieces of about 64 KiB. */
  write(key: BackupKey, options?: AbortOptions): AsyncIterable<Uint8Array<ArrayBuffer>>
  /** The file written last was kept. */
  written(bytes: number, options?: AbortOptions): Promise<void>
  /** @throws NotABackupError, NewerBackupError, TruncatedBackupError, DamagedBackupError */
  read(file: Blob, options?: AbortOptions): Promise<BackupInfo>
  /**
   * Becomes who the backup is of, with everything in it, and starts the node. Until it resolves nobody is here, and
   * when it fails nothing of it stays.
   * @throws as `read`, and WrongBackupKeyError, InvalidPhraseError, AlreadyCreatedError, StorageFullError
   */
  restore(file: Blob, key: RestoreKey, options?: AbortOptions): Promise<void>
  /**
   * Becomes who the phrase is of, without contacts or messages.
   * @throws InvalidPhraseError, InvalidDataError for what is no name, AlreadyCreatedError, StorageFullError
   */
  restoreIdentity(phrase: string, name: string, options?: AbortOptions): Promise<void>
}
