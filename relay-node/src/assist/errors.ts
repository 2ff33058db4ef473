import type { AssistRefusal } from '#lib/protocol/assist.ts'
import { StarlingError } from '#lib/protocol/errors.ts'
import type { Refusal } from '../refusals.ts'

/** A request for assistance that is not answered. */
export class AssistRefusedError extends StarlingError {
  override readonly name = 'AssistRefusedError'
  /** What whoever asked is told. */
  readonly reason: AssistRefusal['reason']
  /** How it is counted; null: not at all. */
  readonly refusal: Refusal | null

  constructor(reason: AssistRefusal['reason'], refusal: Refusal | null) {
    super(reason)
    this.reason = reason
    this.refusal = refusal
  }
}
