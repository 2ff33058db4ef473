import { m } from '../../../i18n/generated/messages.js'
import { MIN_PASSPHRASE_CHARS } from '../api.ts'

/** What is wrong with a passphrase, by the error's name, in words that say what to do. */
export function passphraseProblem(error: unknown): string {
  switch (error instanceof Error ? error.name : '') {
    case 'WrongPassphraseError':
      return m.vault_wrong()
    case 'PassphraseLengthError':
      return m.vault_too_short({ count: MIN_PASSPHRASE_CHARS })
    case 'StorageFullError':
      return m.vault_storage_full()
    default:
      return m.vault_failed()
  }
}
