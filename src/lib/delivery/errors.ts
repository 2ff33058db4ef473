import { StarlingError } from '../protocol/errors.ts'

/** A message of somebody messages are not exchanged with: nothing of it is kept. */
export class NotAcceptedError extends StarlingError {
  override readonly name: string = 'NotAcceptedError'
}
