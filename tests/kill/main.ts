/**
 * Kills a relay again and again while items are put into its mailboxes and removed, and looks whether it has all it said
 * it has, and nothing it said is gone.
 *
 *     npm run test:kill -- [--rounds N] [--seed N] [--postgres] [--strict]
 *
 * `--postgres` keeps mailboxes in a PostgreSQL, which is stopped at once in every second round. Ends with 1 when
 * something was lost, came back or is damaged, or when the median restart takes more than 5 s. On a machine with nothing
 * else to do, `--strict` allows no single one to take more.
 *
 * A kill loses nothing that the system has in its cache; that a store also waits for the disk is what
 * tests/compliance/mailbox-store.ts shows.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { seededRandom } from '../fixtures/seeded-random.ts'
import { RefusalError, TestMailbox } from '../support/mailbox.ts'
import { Postgres } from '../support/postgres.ts'
import { Relay } from '../support/relay.ts'
import { median } from '../support/trend.ts'
import { Ledger } from './ledger.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    postgres: { type: 'boolean', default: false },
    strict: { type: 'boolean', default: false },
  },
})
const rounds = Number(values.rounds)
const seed = Number(values.seed)
if (!(rounds > 0) || !Number.isSafeInteger(seed)) {
  console.error('--rounds takes a number above 0, --seed a whole number')
  process.exit(2)
}

const MAILBOXES = 6
const WRITERS_PER_MAILBOX = 4

/** Longest time from the first receipt of a round to the kill. */
const LOAD_MS = 600

/** Longest that a killed relay may take until it answers again, ms. */
const MAX_RESTART_MS = 5_000

const random = seededRandom(seed)
await using stack = new AsyncDisposableStack()
const postgres = values.postgres ? stack.use(await Postgres.start()) : null
const relay = stack.use(
  await Relay.start(
    ...['--no-app', '--no-webrtc', '--trust-proxy', '127.0.0.1', '--log-level', 'fatal'],
    ...(postgres === null ? [] : ['--store', await postgres.database()]),
  ),
)
const ledgers: Ledger[] = []
for (let count = 0; count < MAILBOXES; count++) {
  ledgers.push(new Ledger(await TestMailbox.at(relay.origin, random.bytes(32))))
}

const restartsMs: number[] = []
let faults = 0
console.log(`seed ${seed}`)
for (let round = 1; round <= rounds; round++) {
  for (const { mailbox } of ledgers) mailbox.headers = { 'X-Forwarded-For': addressOf(round) }
  const ended = new AbortController()
  const begun = Promise.withResolvers<undefined>()
  const load = Promise.allSettled(
    ledgers.flatMap((ledger, at) => [
      ...Array.from({ length: WRITERS_PER_MAILBOX }, () => write(ledger, begun, ended.signal)),
      // Some mailboxes are emptied meanwhile, others grow through two rounds.
      ...((round + at) % 2 === 0 ? [untilEnd(() => ledger.removeAll(), ended.signal)] : []),
    ]),
  )
  // However slow the machine is: the relay has something to lose.
  await Promise.race([begun.promise, load])
  await delay(random.fraction() * LOAD_MS)
  if (postgres !== null && round % 2 === 0) await postgres.kill()
  await relay.kill()
  ended.abort()
  for (const result of await load) if (result.status === 'rejected') throw result.reason
  if (postgres !== null && round % 2 === 0) await postgres.up()
  const startMs = performance.now()
  await relay.up()
  restartsMs.push(performance.now() - startMs)
  for (const ledger of ledgers) {
    for (const { fault, id } of await ledger.check()) {
      faults += 1
      console.log(`round ${round}: ${fault}: ${id}`)
    }
  }
  if (round % 100 === 0) console.log(`${round} kills`)
}

const acknowledged = ledgers.reduce((sum, ledger) => sum + ledger.acknowledged, 0)
const medianMs = median(restartsMs)
const longestMs = Math.max(...restartsMs)
const isSlow = (values.strict ? longestMs : medianMs) > MAX_RESTART_MS
console.log(
  `${rounds} kills, ${acknowledged} puts and removals acknowledged, ${faults} faults; restart ` +
    `${Math.round(medianMs)} ms, longest ${Math.round(longestMs)} ms`,
)
if (isSlow) console.log(`a restart may take ${MAX_RESTART_MS} ms`)
// Where next to nothing was acknowledged, nothing was shown.
if (faults > 0 || isSlow || acknowledged < rounds) process.exitCode = 1

async function write(
  ledger: Ledger,
  begun: PromiseWithResolvers<undefined>,
  signal: AbortSignal,
): Promise<void> {
  const pass = await ledger.mailbox.pass(random.bytes(16))
  await untilEnd(async () => {
    const item = random.bytes(100 + Math.floor(random.fraction() * 4_000))
    await ledger.put(item, () => ledger.mailbox.put(pass, item))
    begun.resolve(undefined)
  }, signal)
}

/** Again and again, until the relay or its database is gone. */
async function untilEnd(step: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await step()
    } catch (error) {
      // What `fetch` throws when there is no whole answer.
      const isGone = error instanceof TypeError
      const isWithoutDatabase =
        postgres !== null && error instanceof RefusalError && error.refusal.reason === 'failed'
      if (isGone || isWithoutDatabase) return
      throw error
    }
  }
}

/** Each round comes from elsewhere: one address may do only so much in a minute. */
function addressOf(round: number): string {
  return `10.${round >> 16}.${(round >> 8) & 255}.${round & 255}`
}
