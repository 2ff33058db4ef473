/** What can be wrong with a backup file, told apart because each has another next step. */
import { StarlingError } from '../protocol/errors.ts'

/** A file of another kind. */
export class NotABackupError extends StarlingError {
  override readonly name = 'NotABackupError'
}

/** Made by a version of Starling after this one. */
export class NewerBackupError extends StarlingError {
  override readonly name = 'NewerBackupError'
}

/** Another phrase or password than the file was made with. */
export class WrongBackupKeyError extends StarlingError {
  override readonly name = 'WrongBackupKeyError'
}

/** The end of the file is missing. */
export class TruncatedBackupError extends StarlingError {
  override readonly name = 'TruncatedBackupError'
}

/** Not the bytes that were written: broken, or changed by somebody. */
export class DamagedBackupError extends StarlingError {
  override readonly name = 'DamagedBackupError'
}
