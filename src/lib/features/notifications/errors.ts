import { StarlingError } from '../../protocol/errors.ts'

/** No push subscription that a relay could wake at. */
export class UnusableSubscriptionError extends StarlingError {
  override readonly name = 'UnusableSubscriptionError'
}
