import { m } from '../../../i18n/generated/messages.js'
import type { Transfer, TransferId, TransferProblem } from '../api.ts'
import { isUsedUp } from './transfer-words.ts'

/** What the person can do with a transfer now, beside removing it. */
export interface TransferActions {
  pause: boolean
  resume: boolean
  /** Once more what failed. */
  retry: boolean
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
    pause: coming,
    resume: state === 'paused' || state === 'freed',
    move: coming,
    keep: getting && state === 'complete' && saved,
    retry: getting && state === 'failed' && !isFinal(problem),
    save: state === 'complete',
    revoke: state === 'shared',
    passOn: !isFinal(problem) && !isUsedUp(transfer),
  }
}

/** What was taken back, is over or is wrong stays so, however often it is asked for. */
function isFinal(problem: TransferProblem | null): boolean {
  return problem !== null && problem !== 'storage-full'
}

function isComing({ role, state }: Pick<Transfer, 'role' | 'state'>): boolean {
  return role === 'getting' && ['looking', 'getting', 'waiting', 'queued'].includes(state)
}

/** Whether something else is to come before this transfer, or after it. */
export function neighboursOf(
  id: TransferId,
  all: readonly Pick<Transfer, 'id' | 'role' | 'state' | 'rank'>[],
): { sooner: boolean; later: boolean } {
  const coming = all.filter(isComing).toSorted((a, b) => a.rank - b.rank)
  const at = coming.findIndex((each) => each.id === id)
  return { sooner: at > 0, later: at >= 0 && at < coming.length - 1 }
}

/** What removing it loses, to be agreed to first; null when nothing is lost. */
export function removalText({ role, state }: Pick<Transfer, 'role' | 'state'>): string | null {
  if (state === 'ended') return null
  if (role === 'sharing') return m.transfers_remove_text_sharing()
  return state === 'complete'
    ? m.transfers_remove_text_complete()
    : m.transfers_remove_text_getting()
}
