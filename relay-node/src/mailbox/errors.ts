import { StarlingError } from '#lib/protocol/errors.ts'

/** A quota is used up: of the mailbox, of the sender in it, or of the relay. */
export class MailboxFullError extends StarlingError {
  override readonly name: string = 'MailboxFullError'
  readonly quota: 'mailbox' | 'sender' | 'relay'

  constructor(quota: 'mailbox' | 'sender' | 'relay') {
    super(`the quota of the ${quota} is used up`)
    this.quota = quota
  }
}
