import { StarlingError } from '../../protocol/errors.ts'

/** A language or theme this version does not have. */
export class UnknownChoiceError extends StarlingError {
  override readonly name = 'UnknownChoiceError'
}
