/**
 * The root of every error Starling throws on purpose.
 *
 * `name` is stable and crosses ports and wires; a subclass sets it to a literal. Texts are for logs:
 * what a person reads is chosen by `name` in the interface's own language.
 */
export class StarlingError extends Error {
  override readonly name: string = 'StarlingError'
}

/** Bytes or a value from outside that do not have the promised shape. */
export class InvalidDataError extends StarlingError {
  override readonly name: string = 'InvalidDataError'
}

/** Something from outside is larger, longer or deeper than its limit allows. */
export class LimitExceededError extends StarlingError {
  override readonly name: string = 'LimitExceededError'
}

/** A signature that does not fit its bytes and key. */
export class InvalidSignatureError extends StarlingError {
  override readonly name: string = 'InvalidSignatureError'
}

/** A signed object whose time is over. */
export class ExpiredError extends StarlingError {
  override readonly name: string = 'ExpiredError'
}

/** The browser has no room left for this site; nothing of what was to be stored is. */
export class StorageFullError extends StarlingError {
  override readonly name: string = 'StorageFullError'
}
