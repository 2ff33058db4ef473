import { m } from '../../../i18n/generated/messages.js'
import type { Transfer } from '../api.ts'

/** What the person can do with a transfer now, beside removing it. */
export interface TransferActions {
  pause: boolean
  resume: boolean
  /** Once more what failed. */
  retry: boolean
  save: boolean
  revoke: boolean
}

export function transferActions({
  role,
  state,
  problem,
}: Pick<Transfer, 'role' | 'state' | 'problem'>): TransferActions {
  const getting = role === 'getting'
  return {
    pause: getting && (state === 'looking' || state === 'getting' || state === 'waiting'),
    resume: state === 'paused',
    // What was taken back, is over or is wrong stays so, however often it is asked for.
    retry: getting && state === 'failed' && (problem === null || problem === 'storage-full'),
    save: state === 'complete',
    revoke: state === 'shared',
  }
}

/** What removing it loses, to be agreed to first; null when nothing is lost. */
export function removalText({ role, state }: Pick<Transfer, 'role' | 'state'>): string | null {
  if (state === 'ended') return null
  if (role === 'sharing') return m.transfers_remove_text_sharing()
  return state === 'complete'
    ? m.transfers_remove_text_complete()
    : m.transfers_remove_text_getting()
}
