import {
  ExpiredError,
  InvalidDataError,
  InvalidSignatureError,
  LimitExceededError,
} from '#lib/protocol/errors.ts'
import { type Refusal, refusalCodec } from '#lib/protocol/mailbox.ts'
import { MailboxFullError, type MailboxRefusal, RefusedError } from './errors.ts'

/** Why a request that ended with this error is refused. */
export function refusalOf(error: unknown): MailboxRefusal {
  if (error instanceof RefusedError) return error.refusal
  if (error instanceof MailboxFullError) return `mailbox-full-${error.quota}`
  if (error instanceof InvalidSignatureError || error instanceof ExpiredError) {
    return 'mailbox-not-allowed'
  }
  if (error instanceof InvalidDataError || error instanceof LimitExceededError) {
    return 'mailbox-malformed'
  }
  return 'mailbox-failed'
}

/** Status and body of the answer. */
export function answerOf(refusal: MailboxRefusal): { status: number; body: Uint8Array } {
  const [status, reason, quota] = ANSWERS[refusal]
  return { status, body: refusalCodec.encode({ reason, quota }) }
}

const ANSWERS: Record<MailboxRefusal, [number, Refusal['reason'], Refusal['quota']]> = {
  'mailbox-requests': [429, 'too-many', null],
  'mailbox-at-once': [429, 'too-many', null],
  'mailbox-bytes': [429, 'too-many', null],
  'mailbox-malformed': [400, 'malformed', null],
  'mailbox-not-allowed': [403, 'not-allowed', null],
  'mailbox-no-prekeys': [404, 'nothing', null],
  'mailbox-no-signpost': [404, 'nothing', null],
  'mailbox-full-mailbox': [507, 'full', 'mailbox'],
  'mailbox-full-sender': [507, 'full', 'sender'],
  'mailbox-full-strangers': [507, 'full', 'sender'],
  'mailbox-full-relay': [507, 'full', 'relay'],
  'mailbox-failed': [503, 'failed', null],
}
