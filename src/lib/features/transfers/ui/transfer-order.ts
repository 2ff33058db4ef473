import type { Transfer, TransferId } from '../api.ts'

type Ordered = Pick<Transfer, 'id' | 'role' | 'state' | 'rank' | 'addedAtMs'>

/** Whether it is to come, now or when it is its turn. */
export function isComing({ role, state }: Pick<Transfer, 'role' | 'state'>): boolean {
  return role === 'getting' && ['looking', 'getting', 'waiting', 'queued'].includes(state)
}

/** As they are listed: first what is to come, in the order it comes; then the rest, the newest first. */
export function inOrder<Each extends Ordered>(transfers: readonly Each[]): Each[] {
  const rest = transfers.filter((transfer) => !isComing(transfer))
  return [...comingOf(transfers), ...rest.toSorted((a, b) => b.addedAtMs - a.addedAtMs)]
}

/** Where in the line of what is to come something stands. */
export interface Place {
  /** From 1 on. */
  at: number
  /** How many are in the line. */
  of: number
}

/** The place of each that is in the line; none of one that is alone there. */
export function placesOf(transfers: readonly Ordered[]): ReadonlyMap<TransferId, Place> {
  const coming = comingOf(transfers)
  if (coming.length === 1) return new Map()
  return new Map(coming.map(({ id }, index) => [id, { at: index + 1, of: coming.length }]))
}

/** Its place in the line; null when it is not in it, or alone there. */
export function placeOf(id: TransferId, transfers: readonly Ordered[]): Place | null {
  return placesOf(transfers).get(id) ?? null
}

function comingOf<Each extends Ordered>(transfers: readonly Each[]): Each[] {
  return transfers.filter(isComing).toSorted((a, b) => a.rank - b.rank)
}
