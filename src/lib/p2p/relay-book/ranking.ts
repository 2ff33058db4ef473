import type { RelaySource } from '../api.ts'

/** What is known of a relay when relays are compared. */
export interface Candidate {
  host: string
  source: RelaySource
  latencyMs: number | null
  /** Attempts since it last worked. */
  failures: number
}

const SOURCE_RANK: Record<RelaySource, number> = { origin: 0, person: 1, learned: 2 }

/** Slower than any relay one would want: the place of one that was never measured. */
const UNKNOWN_LATENCY_MS = 1_000

/**
 * Candidates in the order to try them: those that work first, then the page's own and the person's before others',
 * then the fastest; but one of each operator before a second of any, because what fails together helps little.
 *
 * @param taken operators that hold a reservation already
 */
export function rank<T extends Candidate>(candidates: readonly T[], taken: Iterable<string>): T[] {
  const sorted = candidates.toSorted(
    (a, b) =>
      a.failures - b.failures ||
      SOURCE_RANK[a.source] - SOURCE_RANK[b.source] ||
      (a.latencyMs ?? UNKNOWN_LATENCY_MS) - (b.latencyMs ?? UNKNOWN_LATENCY_MS),
  )
  const operators = new Set(taken)
  const first: T[] = []
  const again: T[] = []
  for (const candidate of sorted) {
    const operator = operatorOf(candidate.host)
    ;(operators.has(operator) ? again : first).push(candidate)
    operators.add(operator)
  }
  return [...first, ...again]
}

/**
 * Who likely runs the relay at `host[:port]`: the last two labels of a name, or the address itself. Ports do not
 * tell operators apart. A guess on the safe side: two customers of one provider count as one operator.
 */
export function operatorOf(host: string): string {
  const name = host.startsWith('[')
    ? host.slice(0, host.indexOf(']') + 1)
    : host.replace(/:\d+$/, '')
  if (name.startsWith('[') || /^[\d.]+$/.test(name)) return name
  return name.split('.').slice(-2).join('.').toLowerCase()
}
