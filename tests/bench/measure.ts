import { median, quantile } from '../support/trend.ts'

/** One line of `npm run bench -- --json`. */
export interface Row {
  name: string
  median: number
  p95: number
  unit: 'ms' | 'MB/s' | 'bytes' | 'per s'
  /** How many values the median is of. */
  runs: number
  /** What it is compared with; null when with nothing. */
  against: string | null
  /** Median over the rounds of ours ÷ the other arm, each round's own two beside each other. */
  ratio: number | null
}

export function row(name: string, unit: Row['unit'], values: readonly number[]): Row {
  return {
    name,
    median: median(values),
    p95: quantile(values, 0.95),
    unit,
    runs: values.length,
    against: null,
    ratio: null,
  }
}

/** One round of a comparison: ours, the other arm, and the other arm once more to see what noise alone does. */
export interface Round {
  ours: number
  other: number
  again: number
}

/** The arms of round `turn` one after the other, each round beginning with another, so that none is always the warm one. */
export async function interleaved(
  turn: number,
  ours: () => Promise<number>,
  other: () => Promise<number>,
): Promise<Round> {
  const arms = { other, ours, again: other }
  const names = ['other', 'ours', 'again'] as const
  const round: Round = { ours: 0, other: 0, again: 0 }
  for (let at = 0; at < names.length; at++) {
    const name = names[(at + turn) % names.length]!
    round[name] = await arms[name]()
  }
  return round
}

/** The comparison, and its A/A arm as a row of its own: how far from 1 that is, is what a ratio may be off. */
export function compared(
  name: string,
  unit: Row['unit'],
  against: string,
  rounds: readonly Round[],
): Row[] {
  const ratioOf = (of: (round: Round) => number): number => median(rounds.map(of))
  return [
    {
      ...row(
        name,
        unit,
        rounds.map(({ ours }) => ours),
      ),
      against,
      ratio: ratioOf(({ ours, other }) => ours / other),
    },
    {
      ...row(
        `${name}.a-a`,
        unit,
        rounds.map(({ again }) => again),
      ),
      against: `${against}, again`,
      ratio: ratioOf(({ again, other }) => again / other),
    },
  ]
}
