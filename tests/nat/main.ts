/**
 * Real browsers behind simulated NATs, with a real relay and TURN: whether, how and how soon they meet (`pairs`), whether who
 * hides their address sends anything to others than the relay (`hidden`), what is said of a network without UDP (`check`), and what becomes
 * of a conversation when one of them is on another network (`handover`). And two relays on one network that nobody told of each other (`lan`).
 *
 *     npm run test:nat -- [--full] [--only PART] [--bad-lines] [--pair "KIND × KIND"]
 *
 * Some pairs, `hidden`, `check` and `lan`, or with `--full` all 36 and every part; with `--bad-lines` over lines of 100 ms, 2 % loss and
 * 5 Mbit/s. Ends with 1 when a pair does not connect, of all 36 also when one does not directly that can (`meetDirectly`): now
 * and then one stays at TURN (docs/CONNECTIVITY.md). With 77 and NOT RUN where the system allows no network namespaces.
 */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ensureChromium } from '../../scripts/browser.ts'
import { run } from '../../scripts/command.ts'
import { runCheck } from './check.ts'
import { runHandover } from './handover.ts'
import { runHidden } from './hidden.ts'
import { Internet } from './internet.ts'
import { allPairs, type Kind, KINDS, meetDirectly, SMOKE_PAIRS } from './kinds.ts'
import { runLan } from './lan.ts'
import { type PairResult, runPair } from './pair.ts'
import { whyNot } from './set-up.ts'

const { values } = parseArgs({
  options: {
    full: { type: 'boolean', default: false },
    'bad-lines': { type: 'boolean', default: false },
    only: { type: 'string' },
    pair: { type: 'string' },
  },
})

const reason = await whyNot()
if (reason !== null) {
  console.log(`\n**** NAT laboratory NOT RUN: ${reason} ****\n`)
  process.exit(77)
}
const pairs =
  values.pair === undefined ? (values.full ? allPairs() : SMOKE_PAIRS) : [named(values.pair)]
const only = values.only ?? (values.pair === undefined ? undefined : 'pairs')
const isAsked = (part: string): boolean => only === undefined || only === part
const chromiumPath = await ensureChromium()
if (!existsSync('dist/index.html')) await run(['vite', 'build'], { show: true })

await using stack = new AsyncDisposableStack()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void stack.disposeAsync().finally(() => process.exit(1))
  })
}
const internet = stack.use(await Internet.start())
let failed = 0
// Beside all else: it waits most of the time.
const lan = isAsked('lan') ? findOnLan() : null
if (isAsked('pairs')) failed += await meetAll()
// Numbers of sides that pairs have not.
const n = 2 * pairs.length
if (isAsked('hidden') && !(await staysHidden(n))) failed += 1
if (isAsked('check') && !(await isToldApart(n + 2))) failed += 1
if (only === 'handover' || values.full) await handOver(n + 3)
if (lan !== null && !(await lan)) failed += 1
if (failed > 0) process.exitCode = 1

/** Resolves with how many pairs failed. */
async function meetAll(): Promise<number> {
  let failures = 0
  let asTheyCan = 0
  console.log('| one | other | path | first message | |\n| --- | --- | --- | --- | --- |')
  for (const [turn, pair] of pairs.entries()) {
    const line = values['bad-lines'] ? 'bad' : 'good'
    const result = await runPair(pair, internet, { chromiumPath, turn, line })
    const isConnected = result.path !== 'none' && result.path !== 'circuit'
    const isAsItCan = isConnected && fits(result)
    if (isAsItCan) asTheyCan += 1
    if (!(values.full ? isAsItCan : isConnected)) failures += 1
    console.log(row(result, isAsItCan))
  }
  console.log(`${asTheyCan} of ${pairs.length} pairs as they can`)
  return failures
}

function fits({ pair, path }: PairResult): boolean {
  return (path === 'direct') === meetDirectly(...pair)
}

/** Says where packets went of somebody who hides their address: to the relay alone, while they do. */
async function staysHidden(first: number): Promise<boolean> {
  const { hidden, shown, described } = await runHidden(internet, { chromiumPath, n: first })
  const relay = new URL(internet.origin).host.replace(':', '.')
  const others = (packets: Map<string, number>): string[] =>
    [...packets.keys()].filter((to) => to !== relay)
  console.log(`address hidden: ${hidden.get(relay) ?? 0} packets to the relay`)
  console.log(
    `    to others: ${others(hidden).join(', ') || 'none'}; shown again: ${others(shown).join(', ')}`,
  )
  if (described.length > 0) console.log(`    made known: ${described.join('\n')}`)
  const isSeen = hidden.has(relay) && others(shown).length > 0
  return isSeen && others(hidden).length === 0 && described.length === 0
}

async function isToldApart(n: number): Promise<boolean> {
  const wrong = await runCheck(internet, { chromiumPath, n })
  console.log(`connection checked without UDP: ${wrong.join('; ') || 'each way said as it is'}`)
  return wrong.length === 0
}

async function findOnLan(): Promise<boolean> {
  try {
    const ms = await runLan(stack)
    console.log(`on one network: each relay knows the other after ${Math.round(ms / 1_000)} s`)
    return true
  } catch (error) {
    console.log(`on one network: ${String(error)}`)
    return false
  }
}

/** @throws Error when something is lost, or comes twice */
async function handOver(first: number): Promise<void> {
  const line = values['bad-lines'] ? 'bad' : 'good'
  const result = await runHandover(internet, { chromiumPath, n: first, line })
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`
  const { toMoverMs, fromMoverMs, fileMs } = result
  console.log(
    `on another network: a message there after ${seconds(toMoverMs)}, back after ${seconds(fromMoverMs)}, the file after ${seconds(fileMs)}`,
  )
}

function row({ pair, path, firstMessageMs, failure }: PairResult, isAsItCan: boolean): string {
  const time = firstMessageMs === null ? '–' : `${(firstMessageMs / 1_000).toFixed(1)} s`
  const mark = `${isAsItCan ? '✔' : '✘'}${failure === null ? '' : ` ${failure.split('\n')[0]}`}`
  return `| ${[...pair, path, time, mark].join(' | ')} |`
}

function named(text: string): [Kind, Kind] {
  const [one, other] = text.split('×').map((name) => KINDS.find((kind) => kind === name.trim()))
  if (one !== undefined && other !== undefined) return [one, other]
  console.error(`--pair takes two of ${KINDS.join(', ')} with × between`)
  process.exit(2)
}
