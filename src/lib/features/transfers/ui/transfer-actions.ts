import { m } from '../../../i18n/generated/messages.js'
import type { Transfer, TransferProblem } from '../api.ts'
import { isComing } from './transfer-order.ts'
import { isShared, isUsedUp } from './transfer-words.ts'

/** What the person can do with a transfer now, beside removing it. */
export interface TransferActions {
  pause: boolean
  resume: boolean
  /** Once more what failed. */
  retry: boolean
  /** Let go of what takes the room it needs. */
  makeRoom: boolean
  save: boolean
  /** Change places with another that is to come. */
  move: boolean
  /** Choose whether it stays here. */
  keep: boolean
  revoke: boolean
  /** Give its link to others. */
  passOn: boolean
}

export function transferActions(
  transfer: Pick<Transfer, 'role' | 'state' | 'problem' | 'saved' | 'downloadLimit' | 'takers'>,
): TransferActions {
  const { role, state, problem, saved } = transfer
  const getting = role === 'getting'
  const coming = isComing({ role, state })
  return {
    pause: coming || state === 'shared',
    resume: state === 'paused' || state === 'freed' || state === 'offered',
    move: coming,
    keep: getting && state === 'complete' && saved,
    retry: getting && state === 'failed' && !isFinal(problem),
    makeRoom: state === 'failed' && problem === 'storage-full',
    save: state === 'complete',
    revoke: isShared({ role, state }),
    passOn: !isFinal(problem) && !isUsedUp(transfer),
  }
}

/** What was taken back, is over or is wrong stays so, however often it is asked for. */
function isFinal(problem: TransferProblem | null): boolean {
  return problem !== null && problem !== 'storage-full'
}

/** What removing it loses, to be agreed to first; null when nothing is lost. */
export function removalText({ role, state }: Pick<Transfer, 'role' | 'state'>): string | null {
  if (state === 'ended' || state === 'offered') return null
  if (role === 'sharing') return m.transfers_remove_text_sharing()
  return state === 'complete'
    ? m.transfers_remove_text_complete()
    : m.transfers_remove_text_getting()
}
