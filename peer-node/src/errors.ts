import { StarlingError } from '#lib/protocol/errors.ts'

/** A flag that is unknown, missing or out of its range. */
export class ConfigError extends StarlingError {
  override readonly name = 'ConfigError'
}

/** Another peer has this data folder open: two would each believe to be the only one. */
export class FolderInUseError extends StarlingError {
  override readonly name = 'FolderInUseError'
}

/** A watch ended before it showed anything: what it reads was stopped. */
export class NothingShownError extends StarlingError {
  override readonly name = 'NothingShownError'
}
