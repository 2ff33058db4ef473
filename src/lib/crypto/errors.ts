import { StarlingError } from '../protocol/errors.ts'

/** Sealed bytes that no key of this session opens: damaged, replayed, or meant for another session. */
export class CannotOpenError extends StarlingError {
  override readonly name = 'CannotOpenError'
}
