/**
 * Two people talk through a relay for a while, one reloads again and again, the relay's connections drop: what
 * the other's tab and node and the relay hold must not grow. `npm run soak -- --minutes N`; ends with 1 when
 * something grew.
 *
 * The first third is warm-up: caches fill, code is compiled. From the rest comes the trend of each number. It
 * may grow by a tenth or by its allowance, whichever is more; a leak of one object a round shows within 10
 * minutes, one of a few hundred bytes a message within 2 hours.
 */
import { parseArgs } from 'node:util'
import { launchChromium } from '../support/chromium.ts'
import { Front } from '../support/front.ts'
import { Person } from '../support/person.ts'
import { recordPeerConnections } from '../support/page-scripts.ts'
import { Relay } from '../support/relay.ts'
import { trend } from '../support/trend.ts'
import { Probe, type Measure } from './probe.ts'

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } })
const minutes = Number(values.minutes)
if (!(minutes > 0)) {
  console.error('--minutes takes a number above 0')
  process.exit(2)
}

/** Messages each way in a round. */
const MESSAGES = 5

await using stack = new AsyncDisposableStack()
const relay = stack.use(await Relay.start())
const front = stack.use(await Front.before(relay))
const browsers = [await launchChromium(), await launchChromium()] as const
for (const browser of browsers) stack.defer(() => browser.close())

const [anna, boris] = await Promise.all(
  browsers.map(async (browser, who) => {
    const context = await browser.newContext({ locale: 'en-GB' })
    await context.addInitScript(recordPeerConnections)
    const person = await Person.arrive(context, front.origin)
    await person.start(who === 0 ? 'Anna' : 'Boris')
    return person
  }),
)
if (anna === undefined || boris === undefined) throw new Error('two people are needed')
await boris.meet(anna, { mine: 'Boris', theirs: 'Anna' })
await anna.openChat('Boris')
await boris.openChat('Anna')

const probe = await Probe.of(browsers[0], anna, relay)
const samples: Measure[] = []
const endMs = performance.now() + minutes * 60_000
for (let round = 0; performance.now() < endMs || samples.length < 6; round++) {
  for (let message = 0; message < MESSAGES; message++) {
    const text = `round ${round}, message ${message}`
    await anna.write(`${text}, from Anna`)
    await boris.message(`${text}, from Anna`).waitFor()
    await boris.write(`${text}, from Boris`)
    await anna.message(`${text}, from Boris`).waitFor()
  }
  if (round % 2 === 0) {
    await boris.reload()
    await boris.composer.waitFor()
  }
  if (round % 5 === 4) front.drop()
  await anna.message(`round ${round}, message ${MESSAGES - 1}, from Boris`).waitFor()
  samples.push(await probe.measure())
}

const counted = samples.slice(Math.floor(samples.length / 3))
let grew = false
console.log(`${samples.length} rounds, trend of the last ${counted.length}:`)
for (const { name, allowance } of Probe.rows) {
  const { first, last, growth } = trend(counted.map((measure) => measure[name]))
  const allowed = Math.max(first * 0.1, allowance)
  const holds = growth <= allowed
  grew ||= !holds
  const numbers = `${round(first)} → ${round(last)}, growth ${round(growth)}, allowed ${round(allowed)}`
  console.log(`${holds ? '✔' : '✘'} ${name}: ${numbers}`)
}

// What is typed keeps the tab from loading anew for the host that seems to have come.
await anna.composer.fill('half a thought')
const left = await probe.stop()
const stopped = Object.keys(left).length === 0
console.log(
  stopped ? '✔ a stopped host leaves nothing' : `✘ a stopped host leaves ${JSON.stringify(left)}`,
)
if (grew || !stopped) process.exitCode = 1

function round(value: number): string {
  return Math.round(value).toLocaleString('en')
}
