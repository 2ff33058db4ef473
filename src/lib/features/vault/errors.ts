import { StarlingError } from '../../protocol/errors.ts'

/** Another passphrase than the one that was set. */
export class WrongPassphraseError extends StarlingError {
  override readonly name = 'WrongPassphraseError'
}

/** Shorter or longer than a passphrase may be. */
export class PassphraseLengthError extends StarlingError {
  override readonly name = 'PassphraseLengthError'
}

/** Nothing can be locked as long as there is no passphrase. */
export class NoPassphraseError extends StarlingError {
  override readonly name = 'NoPassphraseError'
}
