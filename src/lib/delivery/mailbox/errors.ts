import type { Refusal } from '../../protocol/mailbox.ts'
import { StarlingError } from '../../protocol/errors.ts'

/** A relay answers that it does not do what it was asked. */
export class RefusedError extends StarlingError {
  override readonly name = 'RefusedError'
  readonly refusal: Refusal

  constructor(refusal: Refusal) {
    super(`refused: ${refusal.reason}${refusal.quota === null ? '' : ` (${refusal.quota})`}`)
    this.refusal = refusal
  }
}

/** A relay gives no answer, or none that is one. */
export class NoAnswerError extends StarlingError {
  override readonly name = 'NoAnswerError'
}

/** A relay says what is not so: it is not used again for a while. */
export class LyingRelayError extends StarlingError {
  override readonly name = 'LyingRelayError'
}
