/**
 * The real exchange of contents in swarms on a simulated network of limited width: docs/ARCHITECTURE.md says how.
 *
 *     npm run test:swarm -- [--seeds N] [--from K] [--fluid LEECHERS] [--leaves N] [--trace]
 *
 * Ends with 1 when any promise was broken, or a seed came out otherwise when it was run again.
 */
import { parseArgs } from 'node:util'
import { fluidPlan, swarmPlanOf, SwarmWorld, type SwarmOutcome } from './swarm.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '40' },
    from: { type: 'string', default: '1' },
    /** Instead of seeds: one to so many, held against a fluid. */
    fluid: { type: 'string' },
    leaves: { type: 'string', default: '400' },
    trace: { type: 'boolean', default: false },
  },
})
const [count, from, leaves] = [values.seeds, values.from, values.leaves].map(Number) as [
  number,
  number,
  number,
]
const show = values.trace
  ? (line: string): void => {
      console.log(line)
    }
  : null

let broken = 0

function tell(name: string, { members, tookMs, idealMs, waste, violations }: SwarmOutcome): void {
  const times = (tookMs / idealMs).toFixed(2)
  console.log(
    `${name}: ${members} members, ${times} times the ideal, ${(100 * waste).toFixed(1)} % twice`,
  )
  for (const violation of violations.slice(0, 5)) console.log(`  ${violation}`)
  if (violations.length > 0) broken += 1
}

if (values.fluid !== undefined) {
  const leechers = Number(values.fluid)
  tell(`1 to ${leechers}`, await new SwarmWorld(leechers, fluidPlan(leechers, leaves), show).run())
} else {
  for (let seed = from; seed < from + count; seed += 1) {
    const outcome = await new SwarmWorld(seed, swarmPlanOf(seed), show).run()
    tell(`seed ${seed}`, outcome)
    if (seed > from) continue
    const again = await new SwarmWorld(seed, swarmPlanOf(seed), null).run()
    if (again.hash === outcome.hash) continue
    broken += 1
    console.log('  came out otherwise when it was run again')
  }
}

console.log(broken === 0 ? 'no promise broken' : `${broken} broke a promise`)
if (broken > 0) process.exitCode = 1
