import { StarlingError } from '../protocol/errors.ts'

/** A file that cannot be read any more: it was changed, moved or deleted since it was chosen. */
export class UnreadableFileError extends StarlingError {
  override readonly name = 'UnreadableFileError'
}

/** Something of a content is needed that is not on this device. */
export class NotHereError extends StarlingError {
  override readonly name = 'NotHereError'
}
