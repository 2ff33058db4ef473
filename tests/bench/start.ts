import type { Browser, BrowserContext } from 'playwright'
import { launchChromium } from '../support/chromium.ts'
import { Inspector } from '../support/inspector.ts'
import type { Relay } from '../support/relay.ts'
import { reachable } from './reachable.ts'

export interface Start {
  /** From an empty browser that loads the page to a place at a relay; the name is typed at once. */
  coldMs: number
  /** The same for someone who has been here, in a new tab. */
  warmMs: number
  /** Of the node's worker, connected to its relay, after a collection. */
  heapBytes: number
}

/** How long a node is left alone before its heap counts as idle. */
const IDLE_MS = 3000

/** One person's first and second visit. */
export async function start(relay: Relay): Promise<Start> {
  const browser = await launchChromium()
  try {
    const context = await browser.newContext({ locale: 'en-GB' })
    const coldMs = await visit(context, relay, true)
    const warmMs = await visit(context, relay, false)
    return { coldMs, warmMs, heapBytes: await idleHeap(browser, context, relay) }
  } finally {
    await browser.close()
  }
}

async function visit(context: BrowserContext, relay: Relay, first: boolean): Promise<number> {
  // With the last tab the worker ends, so the next visit starts the node anew.
  for (const page of context.pages()) await page.close()
  const page = await context.newPage()
  const startMs = performance.now()
  await page.goto(`${relay.origin}/#/network`)
  if (first) {
    await page.getByLabel('What should others call you?').fill('Anna')
    await page.getByRole('button', { name: 'Start' }).click()
    await page
      .getByRole('navigation', { name: 'Screens' })
      .getByRole('link', { name: 'Network' })
      .click()
  }
  await reachable(page)
  return performance.now() - startMs
}

async function idleHeap(browser: Browser, context: BrowserContext, relay: Relay): Promise<number> {
  await context.pages()[0]?.waitForTimeout(IDLE_MS)
  const [worker] = await Inspector.ofSharedWorkers(browser, relay.origin)
  if (worker === undefined) throw new Error('no SharedWorker runs')
  return worker.heapBytes()
}
