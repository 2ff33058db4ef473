import { m } from '../../../i18n/generated/messages.js'
import type { PhraseCheck } from '../api.ts'

/** What is wrong with typed words, in a sentence; undefined when nothing is. */
export function phraseProblem(check: PhraseCheck): string | undefined {
  switch (check.type) {
    case 'phrase':
      return undefined
    case 'count':
      return m.backup_words_count({ count: check.count })
    case 'word': {
      const { place, word } = check
      const [suggestion] = check.suggestions
      return suggestion === undefined
        ? m.backup_words_word({ place, word })
        : m.backup_words_suggest({ place, word, suggestion })
    }
    case 'checksum':
      return m.backup_words_checksum()
  }
}

/** Why a file cannot be brought back, in a sentence. @param key what it was tried with */
export function restoreProblem(error: unknown, key: 'phrase' | 'password'): string {
  switch (error instanceof Error ? error.name : '') {
    case 'WrongBackupKeyError':
      return key === 'phrase' ? m.backup_wrong_phrase() : m.backup_wrong_password()
    case 'NotABackupError':
      return m.backup_not_a_backup()
    case 'NewerBackupError':
      return m.backup_newer()
    case 'TruncatedBackupError':
      return m.backup_truncated()
    case 'DamagedBackupError':
      return m.backup_damaged()
    case 'StorageFullError':
      return m.backup_no_room()
    case 'AlreadyCreatedError':
      return m.backup_somebody_here()
    // What browsers throw when the file has gone or changed since it was chosen.
    case 'NotReadableError':
    case 'NotFoundError':
      return m.backup_unreadable()
    default:
      return m.backup_failed()
  }
}
