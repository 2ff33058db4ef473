import { StarlingError } from '../../protocol/errors.ts'

/** A name that is empty once cleaned, or too long. */
export class InvalidNameError extends StarlingError {
  override readonly name = 'InvalidNameError'
}

/** There is an identity already; making another would lose it. */
export class AlreadyCreatedError extends StarlingError {
  override readonly name = 'AlreadyCreatedError'
}
