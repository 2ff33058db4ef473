/** So long after, what was seen counts half: what a network lets through changes. */
export const HALF_LIFE_MS = 24 * 60 * 60_000

/** What something seen then still counts, from 0 to 1. */
export function halved(atMs: number, nowMs: number): number {
  return 0.5 ** (Math.max(0, nowMs - atMs) / HALF_LIFE_MS)
}
