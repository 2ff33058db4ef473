import type { ContactRow } from '../../db/schema.ts'
import { skeleton } from '../../protocol/lookalike.ts'
import { displayName } from './relation.ts'

/** What I call them, else what they call themselves. */
export function calledHere(row: ContactRow): string {
  return row.alias ?? displayName(row)
}

/** How many of those who are not blocked have a name that looks so. */
export function likeNames(rows: readonly ContactRow[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const row of rows) {
    if (row.blocked) continue
    const name = skeleton(calledHere(row))
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}
