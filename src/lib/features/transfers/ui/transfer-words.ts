import { formatDuration, formatSpeed, formatTimeLeft } from '../../../i18n/format.ts'
import { m } from '../../../i18n/generated/messages.js'
import type { Transfer, TransferPeer } from '../api.ts'
import type { Place } from './transfer-order.ts'

/** What it is called, also before that is known. */
export function transferName({ name }: Pick<Transfer, 'name'>): string {
  return name ?? m.transfers_unnamed()
}

/** How it stands, in a few words. */
export function stateText({ state, problem }: Pick<Transfer, 'state' | 'problem'>): string {
  if (state === 'ended' || state === 'failed') {
    const why = problem === null ? null : PROBLEMS[problem]()
    return why ?? (state === 'ended' ? m.transfers_state_ended() : m.transfers_state_failed())
  }
  return {
    reading: m.transfers_state_reading,
    shared: m.transfers_state_shared,
    looking: m.transfers_state_looking,
    getting: m.transfers_state_getting,
    waiting: m.transfers_state_waiting,
    queued: m.transfers_state_queued,
    offered: m.transfers_state_offered,
    paused: m.transfers_state_paused,
    complete: m.transfers_state_complete,
    freed: m.transfers_state_freed,
  }[state]()
}

/** What that means for the person, or what they can do now; null where nothing is to be said. */
export function nextStep(
  transfer: Pick<
    Transfer,
    'state' | 'problem' | 'role' | 'stays' | 'passedOn' | 'downloadLimit' | 'takers' | 'awaitsTurn'
  >,
): string | null {
  const { state, problem, role } = transfer
  const sharing = role === 'sharing'
  switch (state) {
    case 'reading':
      return m.transfers_next_reading()
    case 'shared':
      return isUsedUp(transfer) ? m.transfers_next_limit_sharing() : m.transfers_next_shared()
    case 'looking':
      return m.transfers_next_looking()
    case 'getting':
      return transfer.awaitsTurn ? m.transfers_next_turn() : null
    case 'waiting':
      return m.transfers_next_waiting()
    case 'queued':
      return m.transfers_next_queued()
    case 'offered':
      return m.transfers_next_offered()
    case 'paused':
      return sharing ? m.transfers_next_paused_sharing() : m.transfers_next_paused()
    case 'complete':
      if (problem === 'revoked') return m.transfers_next_revoked_complete()
      if (transfer.stays) return m.transfers_next_complete()
      return transfer.passedOn ? m.transfers_next_spare() : m.transfers_next_idle()
    case 'freed':
      return m.transfers_next_freed()
    case 'ended':
    case 'failed':
      break
  }
  switch (problem) {
    case 'revoked':
      return sharing ? m.transfers_next_revoked_sharing() : m.transfers_next_revoked_getting()
    case 'expired':
      return sharing ? m.transfers_next_expired_sharing() : m.transfers_next_expired_getting()
    case 'limit-reached':
      return sharing ? m.transfers_next_limit_sharing() : m.transfers_next_limit_getting()
    case 'storage-full':
      return sharing ? m.transfers_next_storage_sharing() : m.transfers_next_storage_getting()
    case 'unreadable':
      return m.transfers_next_unreadable()
    case 'damaged':
      return m.transfers_next_damaged()
    case null:
      if (state === 'ended') return m.transfers_next_ended()
      return sharing ? m.transfers_next_failed_sharing() : m.transfers_next_failed()
  }
}

/** How fast it comes or goes, and how long it takes: `3 min left · 2.1 MB/s`; null while nothing moves. */
export function paceText(
  transfer: Pick<Transfer, 'role' | 'bytesPerSecond' | 'msLeft'>,
): string | null {
  const { down, up } = transfer.bytesPerSecond
  // While files are taken in, the speed of that is told as what comes.
  const speed = down > 0 ? down : transfer.role === 'sharing' ? up : 0
  const parts = [
    transfer.msLeft === null ? null : formatTimeLeft(transfer.msLeft),
    speed === 0 ? null : formatSpeed(speed),
  ].filter((part) => part !== null)
  return parts.length === 0 ? null : parts.join(' · ')
}

/** `In line: 2 of 5` */
export function placeText({ at, of }: Place): string {
  return m.transfers_place({ at, of })
}

/** How many people have all of what is shared; null while nobody is known to. */
export function servedText({
  role,
  state,
  served,
}: Pick<Transfer, 'role' | 'state' | 'served'>): string | null {
  return isShared({ role, state }) && served > 0 ? m.transfers_served({ count: served }) : null
}

/** The second line of its row. @param place in the line of what is to come */
export function rowText(transfer: Transfer, place: Place | null = null): string {
  if (transfer.state === 'shared' && transfer.readers > 0) {
    return m.transfers_readers({ count: transfer.readers })
  }
  if (transfer.state === 'queued' && place !== null) return placeText(place)
  if (transfer.state === 'shared') return servedText(transfer) ?? stateText(transfer)
  const moves = transfer.state === 'reading' || transfer.state === 'getting'
  return (moves ? paceText(transfer) : null) ?? stateText(transfer)
}

/** Of all of it, 0 to 1; null while its size is not known. */
export function shareHere({ bytes, verifiedBytes }: Pick<Transfer, 'bytes' | 'verifiedBytes'>) {
  if (bytes === null) return null
  return bytes === 0 ? 1 : Math.min(1, verifiedBytes / bytes)
}

/** Whether a bar tells how far it is. */
export function isUnderWay({ role, state }: Pick<Transfer, 'role' | 'state'>): boolean {
  if (role === 'sharing') return state === 'reading'
  return ['reading', 'looking', 'getting', 'waiting', 'queued', 'paused'].includes(state)
}

/** Whether it is all taken in, and its link leads to it. */
export function isShared({ role, state }: Pick<Transfer, 'role' | 'state'>): boolean {
  return role === 'sharing' && (state === 'shared' || state === 'paused')
}

/** Whether as many people as it is for have begun to get it. */
export function isUsedUp({
  downloadLimit,
  takers,
}: Pick<Transfer, 'downloadLimit' | 'takers'>): boolean {
  return downloadLimit !== null && takers >= downloadLimit
}

/** Whether somebody who has it is wanted now. */
export function isSought({ role, state }: Pick<Transfer, 'role' | 'state'>): boolean {
  return role === 'getting' && ['looking', 'getting', 'waiting'].includes(state)
}

export interface Quality {
  grade: 'good' | 'fair' | 'poor'
  words: string
}

/**
 * How good the way to somebody is: by what it carries now or, while that is nothing, by how long an answer takes; null until
 * either was measured.
 */
export function connectionQuality({
  bytesPerSecond: { down, up },
  latencyMs,
  stalledForMs,
}: Pick<TransferPeer, 'bytesPerSecond' | 'latencyMs' | 'stalledForMs'>): Quality | null {
  if (stalledForMs !== null) {
    return { grade: 'poor', words: m.transfers_stalled({ time: formatDuration(stalledForMs) }) }
  }
  const speed = down + up
  if (speed > 0) {
    const grade = speed >= 1_000_000 ? 'good' : speed >= 100_000 ? 'fair' : 'poor'
    return { grade, words: CARRIES[grade]() }
  }
  if (latencyMs === null) return null
  const grade = latencyMs < 150 ? 'good' : latencyMs < 500 ? 'fair' : 'poor'
  return { grade, words: ANSWERS[grade]() }
}

const CARRIES = {
  good: m.transfers_carries_good,
  fair: m.transfers_carries_fair,
  poor: m.transfers_carries_poor,
}

const ANSWERS = {
  good: m.transfers_quality_good,
  fair: m.transfers_quality_fair,
  poor: m.transfers_quality_poor,
}

const PROBLEMS = {
  revoked: m.transfers_problem_revoked,
  expired: m.transfers_problem_expired,
  'limit-reached': m.transfers_problem_limit,
  'storage-full': m.transfers_problem_storage,
  unreadable: m.transfers_problem_unreadable,
  damaged: m.transfers_problem_damaged,
}
