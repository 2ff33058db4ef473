/**
 * Shows that the simulation finds mistakes: each of bugs/list.ts, put into the sources as they are loaded, must break a
 * promise within some seeds, and it alone: a seed that fails without it does not count.
 *
 *     npm run test:bugs -- [--seeds N] [--only NAME] [--every K] [--workers N]
 *
 * `--every 5` takes each fifth bug: a share for where time is short. Ends with 1 when one is not found.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Turns } from '#lib/protocol/turns.ts'
import { BUGS } from './bugs/list.ts'
import { Crew } from './crew.ts'
import { withBug } from './hooks.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    only: { type: 'string' },
    every: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
  },
})
const [seeds, every, workers] = [values.seeds, values.every, values.workers].map(Number)
if (!(seeds! > 0) || !(every! > 0) || !(workers! > 0)) {
  console.error('--seeds, --every and --workers take numbers above 0')
  process.exit(2)
}

// All of them must still be mistakes of the sources there are, also those that are not tried now.
for (const bug of BUGS) {
  withBug(readFileSync(new URL(`../../${bug.file}`, import.meta.url), 'utf8'), bug)
}

interface Find {
  seed: number
  violation: string
}

/** Whether no promise is broken in these seeds without a bug; each is looked at once. */
const holds = new Map<number, boolean>()
const turns = new Turns<'clean'>()
await using clean = await Crew.of(1, null)
const isClean = (seed: number): Promise<boolean> =>
  turns.run('clean', async () => {
    if (!holds.has(seed)) {
      await clean.run([seed], ({ violations }) => {
        holds.set(seed, violations.length === 0)
        return true
      })
    }
    return holds.get(seed)!
  })

let missed = 0
const tried = BUGS.filter(
  ({ name }, at) => at % every! === 0 && (values.only === undefined || name === values.only),
)
for (const bug of tried) {
  await using crew = await Crew.of(workers!, bug)
  const finds: Find[] = []
  let ran = 0
  await crew.run(
    Array.from({ length: seeds! }, (_, at) => at + 1),
    async ({ seed, violations }) => {
      ran += 1
      const [violation] = violations
      if (violation === undefined || !(await isClean(seed))) return false
      finds.push({ seed, violation: violation.split('\n')[0]! })
      return true
    },
  )
  if (finds.length === 0) missed += 1
  console.log(`${bug.name}: ${foundAt(finds[0], ran)}`)
}
console.log(`${tried.length - missed} of ${tried.length} planted bugs found`)
if (missed > 0 || tried.length === 0) process.exitCode = 1

function foundAt(find: Find | undefined, ran: number): string {
  return find === undefined
    ? `NOT FOUND in ${ran} seeds`
    : `after ${ran} seeds, by ${find.seed}: ${find.violation}`
}
