import { StarlingError } from '../../protocol/errors.ts'

export {
  DamagedBackupError,
  NewerBackupError,
  NotABackupError,
  TruncatedBackupError,
  WrongBackupKeyError,
} from '../../crypto/backup-errors.ts'

/** A text that is no recovery phrase; `checkPhrase` tells why. */
export class InvalidPhraseError extends StarlingError {
  override readonly name = 'InvalidPhraseError'
}
