import type { Page } from 'playwright'
import { launchChromium } from '../support/chromium.ts'
import { median } from '../support/trend.ts'
import type {} from './page/main.ts'
import { row, type Row } from './measure.ts'
import { serveBenchPage } from './serve.ts'

/** Each has a whole history read into memory anew. */
const FIRST_SEARCHES = 3

/** What a person waits for in a history of so many messages, encrypted as in use. */
export async function historyRows(messages: number, rounds: number): Promise<Row[]> {
  await using stack = new AsyncDisposableStack()
  const page = await openBenchPage(stack)
  const readyMs = (await page.evaluate(
    (messages) => window.bench.ask({ type: 'fill', messages }),
    messages,
  )) as number
  const times = (type: 'page' | 'search' | 'search-at-once', each = rounds): Promise<number[]> =>
    page.evaluate(([type, rounds]) => window.bench.ask({ type, rounds }), [
      type,
      each,
    ] as const) as Promise<number[]>
  const unlocks = (await page.evaluate(
    (rounds) => window.bench.ask({ type: 'unlock', rounds }),
    rounds,
  )) as { allMs: number; stretchMs: number }[]
  const unlock = row(
    'unlock',
    'ms',
    unlocks.map(({ allMs }) => allMs),
  )
  return [
    row('history.page-50', 'ms', await times('page')),
    row('search', 'ms', await times('search')),
    row('search.ready', 'ms', [readyMs]),
    row('search.before-ready', 'ms', await times('search-at-once', FIRST_SEARCHES)),
    {
      ...unlock,
      against: 'Argon2id alone',
      ratio: median(unlocks.map(({ allMs, stretchMs }) => allMs / stretchMs)),
    },
  ]
}

/** Messages a browser seals and opens in a second, of one side one after the other. */
export async function ratchetRows(messages: number): Promise<Row[]> {
  await using stack = new AsyncDisposableStack()
  const page = await openBenchPage(stack)
  const { sealMs, openMs } = (await page.evaluate(
    (messages) => window.bench.ask({ type: 'ratchet', messages }),
    messages,
  )) as { sealMs: number[]; openMs: number[] }
  const rate = (ms: number): number => 1_000 / ms
  return [
    row('ratchet.encrypt', 'per s', sealMs.map(rate)),
    row('ratchet.decrypt', 'per s', openMs.map(rate)),
  ]
}

async function openBenchPage(stack: AsyncDisposableStack): Promise<Page> {
  const origin = await serveBenchPage(stack)
  const browser = await launchChromium()
  stack.defer(() => browser.close())
  const page = await browser.newPage()
  await page.goto(origin)
  return page
}
