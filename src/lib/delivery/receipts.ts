/** What receipts say of something that relays keep. */
import type { Receipt } from '../db/schema.ts'
import { ITEM_LIFE_MS } from '../protocol/mailbox.ts'

/** A relay may have deleted what it keeps for longer than this, ms: some days less than it promised, for clocks drift. */
export const RECEIPT_LIFE_MS = ITEM_LIFE_MS - 5 * 24 * 60 * 60 * 1000

/** Those of relays that keep it still. */
export function standing(receipts: readonly Receipt[], nowMs: number): Receipt[] {
  return receipts.filter(({ atMs }) => Math.abs(nowMs - atMs) < RECEIPT_LIFE_MS)
}

/** How many different stores these relays keep it in. */
export function storesOf(receipts: readonly Receipt[]): number {
  return new Set(receipts.map(({ store }) => store)).size
}

/** Whether each of these relays keeps it. */
export function isKeptAt(receipts: readonly Receipt[], relays: readonly string[]): boolean {
  return relays.every((address) => receipts.some(({ relay }) => relay === address))
}
