/** What receipts say of something that relays keep. */
import type { Receipt } from '../db/schema.ts'

/** How many different stores these relays keep it in. */
export function storesOf(receipts: readonly Receipt[]): number {
  return new Set(receipts.map(({ store }) => store)).size
}

/** Whether each of these relays keeps it. */
export function isKeptAt(receipts: readonly Receipt[], relays: readonly string[]): boolean {
  return relays.every((address) => receipts.some(({ relay }) => relay === address))
}
