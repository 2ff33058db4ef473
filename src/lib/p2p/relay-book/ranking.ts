import type { RelaySource } from '../api.ts'

/** What is known of a relay when relays are compared. */
export interface Candidate {
  host: string
  source: RelaySource
  latencyMs: number | null
  /** The person wants it before others. */
  preferred: boolean
  /** Of its places, how many are taken, 0 to 1; null: not known. */
  load: number | null
  /** Attempts since it last worked. */
  failures: number
}

const SOURCE_RANK: Record<RelaySource, number> = { origin: 0, person: 1, learned: 2 }

/** Slower than any relay one would want: the place of one that was never measured. */
const UNKNOWN_LATENCY_MS = 1_000

/**
 * Candidates in the order to try them: those that work first, then what the person prefers, the page's own and the person's
 * before others', then the fastest, by its latency and how full it is; but one of each operator before a second of any, because what fails together helps little.
 *
 * @param taken operators that hold a reservation already
 */
export function rank<T extends Candidate>(candidates: readonly T[], taken: Iterable<string>): T[] {
  const sorted = candidates.toSorted(
    (a, b) =>
      a.failures - b.failures ||
      Number(b.preferred) - Number(a.preferred) ||
      SOURCE_RANK[a.source] - SOURCE_RANK[b.source] ||
      expectedMs(a) - expectedMs(b),
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

/** How long an answer takes: on a relay that is nearly full, as in any queue, ever longer. */
function expectedMs({ latencyMs, load }: Candidate): number {
  return (latencyMs ?? UNKNOWN_LATENCY_MS) / Math.max(0.05, 1 - (load ?? 0))
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
