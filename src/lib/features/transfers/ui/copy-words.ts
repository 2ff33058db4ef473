import { m } from '../../../i18n/generated/messages.js'
import type { TransferCopy, TransferDetails } from '../api.ts'

export const COPY_CHOICES = ['no', 'week', 'month'] as const

export type CopyChoice = (typeof COPY_CHOICES)[number]

const DAY_MS = 24 * 3_600_000

export const COPY_FOR_MS = { no: null, week: 7 * DAY_MS, month: 30 * DAY_MS } as const

type Copied = Pick<TransferDetails, 'copy' | 'downloadLimit'>

/** Whether no relay keeps the copy that is wanted. */
export function isRefused({ state }: Pick<TransferCopy, 'state'>): boolean {
  return state !== 'asking' && state !== 'sending' && state !== 'kept'
}

/** How the copy of a share at a relay stands, in a few words. */
export function copyText({ copy }: Copied): string {
  switch (copy?.state) {
    case undefined:
      return m.transfers_copy_none()
    case 'asking':
      return m.transfers_copy_asking()
    case 'sending':
      return m.transfers_copy_sending({ relay: copy.relay ?? '' })
    case 'kept':
      return m.transfers_copy_kept({ relay: copy.relay ?? '' })
    case 'none':
    case 'full':
    case 'too-much':
    case 'not-sealed':
      return m.transfers_copy_refused()
  }
}

/** What that means for the person, or what they can do now. */
export function copyStep({ copy, downloadLimit }: Copied): string | null {
  switch (copy?.state) {
    case undefined:
      return downloadLimit === null ? m.transfers_copy_step_none() : m.transfers_copy_limit()
    case 'asking':
      return m.transfers_copy_step_asking()
    case 'sending':
      return m.transfers_copy_step_sending()
    case 'kept':
      return m.transfers_copy_step_kept()
    case 'none':
      return m.transfers_copy_step_no_relay()
    case 'full':
      return m.transfers_copy_step_full()
    case 'too-much':
      return m.transfers_copy_step_too_much()
    case 'not-sealed':
      return m.transfers_copy_step_not_sealed()
  }
}
