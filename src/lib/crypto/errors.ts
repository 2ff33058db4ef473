import { StarlingError } from '../protocol/errors.ts'

/** Sealed bytes that no key of this session opens: damaged, replayed, or meant for another session. */
export class CannotOpenError extends StarlingError {
  override readonly name = 'CannotOpenError'
}

/** A row of the database that this key did not seal, or that somebody changed or moved. */
export class UnreadableRowError extends StarlingError {
  override readonly name = 'UnreadableRowError'
}
