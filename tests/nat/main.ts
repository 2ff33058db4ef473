/**
 * Two real browsers behind two NATs, with a real relay and TURN: whether, how and how soon they meet.
 *
 *     npm run test:nat -- [--full] [--pair "KIND × KIND"]
 *
 * Some pairs, or with `--full` all 36. Ends with 1 when a pair does not connect, of all 36 also when one does not directly that
 * can (`meetDirectly`): now and then one stays at TURN (docs/CONNECTIVITY.md). With 77 and NOT RUN where the system allows no
 * network namespaces.
 */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ensureChromium } from '../../scripts/browser.ts'
import { run } from '../../scripts/command.ts'
import { Internet } from './internet.ts'
import { allPairs, type Kind, KINDS, meetDirectly, SMOKE_PAIRS } from './kinds.ts'
import { type PairResult, runPair } from './pair.ts'
import { whyNot } from './set-up.ts'

const { values } = parseArgs({
  options: { full: { type: 'boolean', default: false }, pair: { type: 'string' } },
})

const reason = await whyNot()
if (reason !== null) {
  console.log(`\n**** NAT laboratory NOT RUN: ${reason} ****\n`)
  process.exit(77)
}
const pairs =
  values.pair === undefined ? (values.full ? allPairs() : SMOKE_PAIRS) : [named(values.pair)]
const chromium = await ensureChromium()
if (!existsSync('dist/index.html')) await run(['vite', 'build'], { show: true })

await using stack = new AsyncDisposableStack()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    void stack.disposeAsync().finally(() => process.exit(1))
  })
}
const internet = stack.use(await Internet.start())
let failed = 0
let asTheyCan = 0
console.log('| one | other | path | first message | |\n| --- | --- | --- | --- | --- |')
for (const [turn, pair] of pairs.entries()) {
  const result = await runPair(pair, internet, { chromiumPath: chromium, turn })
  const isConnected = result.path !== 'none' && result.path !== 'circuit'
  const isAsItCan = isConnected && fits(result)
  if (isAsItCan) asTheyCan += 1
  if (!(values.full ? isAsItCan : isConnected)) failed += 1
  console.log(row(result, isAsItCan))
}
console.log(`${asTheyCan} of ${pairs.length} pairs as they can`)
if (failed > 0) process.exitCode = 1

function fits({ pair, path }: PairResult): boolean {
  return (path === 'direct') === meetDirectly(...pair)
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
