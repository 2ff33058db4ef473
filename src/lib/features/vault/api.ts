import type { AbortOptions } from '../../rpc/api.ts'

/** Shortest passphrase in characters: what NIST SP 800-63B asks of one that people choose. */
export const MIN_PASSPHRASE_CHARS = 8

/** Longest passphrase in UTF-16 units. */
export const MAX_PASSPHRASE_CHARS = 1_024

/** After how many minutes without use it locks by itself; null for never. */
export type LockAfterMinutes = 1 | 5 | 15 | 60 | 240 | null

/**
 * `locked`: what is kept here is not readable before the passphrase is given. `open`: it is; without a passphrase
 * for everybody who has this device.
 */
export type VaultStatus =
  { state: 'locked' } | { state: 'open'; passphrase: boolean; lockAfterMinutes: LockAfterMinutes }

/** The lock in front of everything kept here. It can be asked also while that is locked. */
export interface VaultApi {
  watchVault(options?: AbortOptions): AsyncIterable<VaultStatus>
  /** Opens it for every tab. Takes half a second. @throws WrongPassphraseError */
  unlock(passphrase: string, options?: AbortOptions): Promise<void>
  /**
   * From now on it opens with `next` only. The first one also makes it lock after 15 minutes without use.
   * @param current the passphrase there is; anything when there is none
   * @throws WrongPassphraseError, PassphraseLengthError, StorageFullError
   */
  setPassphrase(next: string, current: string, options?: AbortOptions): Promise<void>
  /** From now on it is open for whoever has this device. @throws WrongPassphraseError, StorageFullError */
  removePassphrase(current: string, options?: AbortOptions): Promise<void>
  /** @throws NoPassphraseError when nothing would open it again */
  setLockAfter(minutes: LockAfterMinutes, options?: AbortOptions): Promise<void>
  /** Locks in every tab: each of them loads itself anew. @throws NoPassphraseError */
  lock(options?: AbortOptions): Promise<void>
  /** The person uses it. */
  used(options?: AbortOptions): Promise<void>
  /** Once it is open, what a page seals the words with that it must leave behind when it goes: 32 bytes, for ever the same. */
  watchPartingKey(options?: AbortOptions): AsyncIterable<Uint8Array>
  /** Stops the node and deletes everything this origin stored. The tab then reloads. */
  erase(options?: AbortOptions): Promise<void>
}
