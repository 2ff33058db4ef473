/**
 * Real delivery, ratchet, mailbox client and relay mailboxes, simulated: docs/ARCHITECTURE.md says how.
 *
 *     npm run test:sim -- [--seeds N] [--from K] [--workers N] [--trace]
 *
 * Ends with 1 when any promise was broken, or a seed came out otherwise when it was run again in another process.
 */
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Crew } from './crew.ts'
import { prepare } from './hooks.ts'
import type { Outcome } from './world.ts'

/** Seeds that are run twice. */
const REPEATED = 5

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '500' },
    from: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(Math.max(2, availableParallelism())) },
    trace: { type: 'boolean', default: false },
  },
})
const [count, from, workers] = [values.seeds, values.from, values.workers].map(Number)
if (!(count! > 0) || !Number.isInteger(from) || !(workers! > 0)) {
  console.error('--seeds, --from and --workers take numbers')
  process.exit(2)
}

const totals = { seeds: 0, acknowledged: 0, violated: 0 }
const faults = new Map<string, number>()
const hashes = new Map<number, string>()

function tell({ seed, violations }: Outcome): void {
  if (violations.length === 0) return
  totals.violated += 1
  console.log(
    `seed ${seed}: ${violations.length} violations; npm run test:sim -- --from ${seed} --seeds 1 --trace`,
  )
  for (const violation of violations.slice(0, 5)) console.log(`  ${violation}`)
}

function add(outcome: Outcome): void {
  totals.seeds += 1
  totals.acknowledged += outcome.acknowledged
  for (const [fault, times] of Object.entries(outcome.faults)) {
    faults.set(fault, (faults.get(fault) ?? 0) + times)
  }
  tell(outcome)
  hashes.set(outcome.seed, outcome.hash)
  if (totals.seeds % 500 === 0)
    console.log(`${totals.seeds} seeds, ${totals.acknowledged} acknowledged`)
}

if (values.trace) {
  prepare(null)
  const { World } = await import('./world.ts')
  for (let seed = from!; seed < from! + count!; seed += 1) {
    add(
      await new World(seed, (line) => {
        console.log(line)
      }).run(),
    )
  }
} else {
  const all = Array.from({ length: count! }, (_, at) => from! + at)
  const repeated = all.slice(0, REPEATED)
  {
    await using crew = await Crew.of(workers!, null)
    await crew.run(all, (outcome) => {
      add(outcome)
      return false
    })
  }
  await using another = await Crew.of(1, null)
  await another.run(repeated, ({ seed, hash }) => {
    if (hashes.get(seed) !== hash) {
      totals.violated += 1
      console.log(`seed ${seed} came out otherwise in another process`)
    }
    return false
  })
}

console.log(
  `\n${totals.seeds} seeds, ${totals.acknowledged} acknowledged messages. What went wrong on purpose:`,
)
for (const [fault, times] of [...faults].sort()) console.log(`  ${fault}: ${times}`)
console.log(
  totals.violated === 0 ? 'no promise broken' : `${totals.violated} seeds broke a promise`,
)
if (totals.violated > 0) process.exitCode = 1
