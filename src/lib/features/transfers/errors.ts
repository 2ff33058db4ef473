import { StarlingError } from '../../protocol/errors.ts'

/** There is no such transfer here, or no more. */
export class UnknownTransferError extends StarlingError {
  override readonly name = 'UnknownTransferError'
}

/** A text that is no link to something shared. */
export class MalformedLinkError extends StarlingError {
  override readonly name = 'MalformedLinkError'
}

/** The link opens only with a password, and none was given. */
export class PasswordNeededError extends StarlingError {
  override readonly name = 'PasswordNeededError'
}

/** The password does not open the link. */
export class WrongPasswordError extends StarlingError {
  override readonly name = 'WrongPasswordError'
}

/** Neither files nor folders. */
export class NothingToShareError extends StarlingError {
  override readonly name = 'NothingToShareError'
}

/** Not all bytes of it are here yet. */
export class NotCompleteError extends StarlingError {
  override readonly name = 'NotCompleteError'
}
