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

/** A path that leads to no file or folder, or to one that may not be read. */
export class UnreadablePathError extends StarlingError {
  override readonly name = 'UnreadablePathError'
}

/** Something is under that name already, and stays. */
export class AlreadyThereError extends StarlingError {
  override readonly name = 'AlreadyThereError'
}

/** A folder that takes no files, or that a link leads out of. */
export class UnwritableFolderError extends StarlingError {
  override readonly name = 'UnwritableFolderError'
}
