import { StarlingError } from '../../protocol/errors.ts'

export { StorageFullError } from '../../protocol/errors.ts'

/** Nothing but blanks. */
export class EmptyTextError extends StarlingError {
  override readonly name = 'EmptyTextError'
}

/** More than `MAX_TEXT_BYTES`. */
export class TextTooLongError extends StarlingError {
  override readonly name = 'TextTooLongError'
}

/** A file that cannot be read any more, or is none that can be sent. */
export class UnusableFileError extends StarlingError {
  override readonly name = 'UnusableFileError'
}

/** I blocked them, so nothing goes to them either. */
export class BlockedError extends StarlingError {
  override readonly name = 'BlockedError'
}

/** Not in this conversation, or not any more. */
export class UnknownMessageError extends StarlingError {
  override readonly name = 'UnknownMessageError'
}

/** Not mine, deleted, or sent longer ago than `EDIT_WITHIN_MS`. */
export class CannotEditError extends StarlingError {
  override readonly name = 'CannotEditError'
}

/** Neither a contact nor my own notes. */
export class UnknownConversationError extends StarlingError {
  override readonly name = 'UnknownConversationError'
}
