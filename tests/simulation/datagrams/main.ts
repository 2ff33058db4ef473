/**
 * What becomes of small datagrams on lines that lose some, by how they are sent: docs/CONNECTIVITY.md has the figures, adr 0026 what
 * follows from them. Gives the same for the same seed, on any machine.
 *
 *     npm run sim:datagrams -- [--seed N] [--texts N] [--seconds N]
 */
import { parseArgs } from 'node:util'
import { inBursts, independent, type Loss } from './loss.ts'
import { either, once, repaired, stream, type Line, type Sending } from './sending.ts'
import { speech, typing, type Outcome } from './traffic.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    texts: { type: 'string', default: '4000' },
    seconds: { type: 'string', default: '3600' },
  },
})
const [seed, texts, seconds] = [values.seed, values.texts, values.seconds].map(Number) as [
  number,
  number,
  number,
]

/** One way. The relay is farther than the other person. */
const DIRECT_MS = 50
const RELAYED_MS = 80

const SHARES = [0.01, 0.02, 0.05, 0.1, 0.2]

type LossOf = (share: number, seed: number) => Loss

const LOSSES: Record<string, LossOf> = {
  'each by itself': independent,
  'bursts of 0.1 s': (share, seed) => inBursts(share, 100, seed),
  'bursts of 1 s': (share, seed) => inBursts(share, 1_000, seed),
}

/** The direct line, another with losses of its own, and another that shares those of the direct one. */
interface Lines {
  direct: Line
  apart: Line
  shared: Line
}

/** A way to send, and how many are sent for each. */
interface Way {
  costs: number
  of: (lines: Lines) => Sending
}

const TYPING: Record<string, Way> = {
  'stream, as today': { costs: 1, of: ({ direct }) => stream(direct) },
  'streams on two lines': {
    costs: 2,
    of: ({ direct, apart }) => either(stream(direct), stream(apart)),
  },
  'one line': { costs: 1, of: ({ direct }) => once(direct) },
  'two lines': { costs: 2, of: ({ direct, apart }) => either(once(direct), once(apart)) },
  'two lines, one access': {
    costs: 2,
    of: ({ direct, shared }) => either(once(direct), once(shared)),
  },
  '1 + 1': { costs: 2, of: ({ direct }) => repaired(1, 1, 0, once(direct)) },
  '1 + 1, 0.2 s later': { costs: 2, of: ({ direct }) => repaired(1, 1, 200, once(direct)) },
  '4 + 2': { costs: 1.5, of: ({ direct }) => repaired(4, 2, 0, once(direct)) },
  '4 + 2, two lines': {
    costs: 3,
    of: ({ direct, apart }) => repaired(4, 2, 0, either(once(direct), once(apart))),
  },
}

const SPEECH: Record<string, Way> = {
  'one line': { costs: 1, of: ({ direct }) => once(direct) },
  'two lines': { costs: 2, of: ({ direct, apart }) => either(once(direct), once(apart)) },
  'two lines, one access': {
    costs: 2,
    of: ({ direct, shared }) => either(once(direct), once(shared)),
  },
  '5 + 1': { costs: 1.2, of: ({ direct }) => repaired(5, 1, 0, once(direct)) },
  '4 + 2': { costs: 1.5, of: ({ direct }) => repaired(4, 2, 0, once(direct)) },
  '4 + 4': { costs: 2, of: ({ direct }) => repaired(4, 4, 0, once(direct)) },
  '2 + 2, 40 ms apart': { costs: 2, of: ({ direct }) => repaired(2, 2, 40, once(direct)) },
  '5 + 1, two lines': {
    costs: 2.4,
    of: ({ direct, apart }) => repaired(5, 1, 0, either(once(direct), once(apart))),
  },
}

function linesWith(lossOf: LossOf, share: number): Lines {
  const loss = lossOf(share, seed)
  return {
    direct: { delayMs: DIRECT_MS, loss },
    apart: { delayMs: RELAYED_MS, loss: lossOf(share, seed + 1) },
    shared: { delayMs: RELAYED_MS, loss },
  }
}

function print(
  title: string,
  ways: Record<string, Way>,
  outcomeOf: (sending: Sending) => Outcome,
  noticed: (value: number) => string,
): void {
  console.log(`\n${title}`)
  for (const [name, lossOf] of Object.entries(LOSSES)) {
    for (const share of SHARES) {
      console.log(`\n${percent(share)} lost, ${name}`)
      for (const [way, { costs, of }] of Object.entries(ways)) {
        const outcome = outcomeOf(of(linesWith(lossOf, share)))
        const figures = [
          `sent ${costs} ×`,
          `arrived ${percent(outcome.arrived)}`,
          `after ${outcome.medianMs.toFixed(0)} ms, 1 % after more than ${outcome.p99Ms.toFixed(0)} ms`,
          noticed(outcome.noticed),
        ]
        console.log(`  ${way.padEnd(30)}${figures.join(', ')}`)
      }
    }
  }
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`
}

print(
  'Typing',
  TYPING,
  (sending) => typing(texts, sending),
  (ms) => `shown wrongly ${(ms / 1000).toFixed(2)} s a text`,
)
print(
  'Speech, 50 a second',
  SPEECH,
  (sending) => speech(seconds, sending),
  (share) => `missed ${percent(share)}`,
)
