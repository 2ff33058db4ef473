import { StarlingError } from '../../protocol/errors.ts'

/** Not readable as a code of any kind: cut off, misspelt, or no code at all. */
export class MalformedCodeError extends StarlingError {
  override readonly name = 'MalformedCodeError'
}

/** A code of something else: another site, another messenger, a Wi-Fi network. */
export class ForeignCodeError extends StarlingError {
  override readonly name = 'ForeignCodeError'
}

/** The code was good until its owner's date. */
export class ExpiredCodeError extends StarlingError {
  override readonly name = 'ExpiredCodeError'
}

/** The signature does not fit: somebody or something changed the code. */
export class TamperedCodeError extends StarlingError {
  override readonly name = 'TamperedCodeError'
}

/** A code of a Starling newer than this one. */
export class NewerCodeError extends StarlingError {
  override readonly name = 'NewerCodeError'
}

/** My own code. */
export class OwnCodeError extends StarlingError {
  override readonly name = 'OwnCodeError'
}

/** Not readable as a safety code. */
export class NotASafetyCodeError extends StarlingError {
  override readonly name = 'NotASafetyCodeError'
}

/** A safety code of other keys than theirs and mine: of another pair of people, or somebody is in between. */
export class DifferentKeysError extends StarlingError {
  override readonly name = 'DifferentKeysError'
}

/** Neither a contact nor a request, maybe not any more. */
export class UnknownContactError extends StarlingError {
  override readonly name = 'UnknownContactError'
}
