import { StarlingError } from '#lib/protocol/errors.ts'
import type { Refusal } from '../refusals.ts'
import type { Quotas } from './store.ts'

/** A quota is used up. */
export class MailboxFullError extends StarlingError {
  override readonly name = 'MailboxFullError'
  readonly quota: keyof Quotas

  constructor(quota: keyof Quotas) {
    super(`the quota of the ${quota} is used up`)
    this.quota = quota
  }
}

/** The store takes no writes now: its disk is full, or its database cannot be reached. */
export class MailboxStoreError extends StarlingError {
  override readonly name = 'MailboxStoreError'
}

export type MailboxRefusal = Extract<Refusal, `mailbox-${string}`>

/** A request that is refused. */
export class RefusedError extends StarlingError {
  override readonly name = 'RefusedError'
  readonly refusal: MailboxRefusal

  constructor(refusal: MailboxRefusal, message: string) {
    super(message)
    this.refusal = refusal
  }
}

/** The database may lose what it has committed when the power goes, which nobody allowed. */
export class VolatileStoreError extends StarlingError {
  override readonly name = 'VolatileStoreError'

  /** @param setting of PostgreSQL that is off */
  constructor(setting: string) {
    super(
      `the database has ${setting} off and may forget what it said is kept: switch it on, or allow it with --store-may-forget`,
    )
  }
}
