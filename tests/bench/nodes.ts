import type { Page } from 'playwright'
import { launchChromium } from '../support/chromium.ts'
import type { Relay } from '../support/relay.ts'
import { DETOUR_ARGS, type Detour } from './detour.ts'
import type {} from './page/main.ts'
import { serveBenchPage } from './serve.ts'

/** Browsers whose nodes run, each connected directly with each. */
export class Nodes implements AsyncDisposable {
  readonly pages: readonly Page[]
  /** Their ids, in the order of the pages. */
  readonly peers: string[] = []
  readonly #stack: AsyncDisposableStack
  readonly #relay: Relay

  private constructor(relay: Relay, pages: readonly Page[], stack: AsyncDisposableStack) {
    this.#relay = relay
    this.pages = pages
    this.#stack = stack
  }

  /** @param detour on which they reach each other; default: the shortest way there is */
  static async meet(relay: Relay, count: number, detour: Detour | null = null): Promise<Nodes> {
    await using stack = new AsyncDisposableStack()
    const pages: Page[] = []
    const origin = await serveBenchPage(stack)
    for (let who = 0; who < count; who++) {
      const browser = await launchChromium(...(detour === null ? [] : DETOUR_ARGS))
      stack.defer(() => browser.close())
      const page = await (await browser.newContext()).newPage()
      await detour?.lead(page)
      await page.goto(origin)
      pages.push(page)
    }
    const nodes = new Nodes(relay, pages, stack.move())
    try {
      for (const page of pages) nodes.peers.push(await nodes.#start(page))
      for (let who = 1; who < count; who++) {
        for (let other = 0; other < who; other++) await nodes.#meet(who, other)
      }
      return nodes
    } catch (error) {
      await nodes[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Loads this page anew: somebody else comes, with what is kept in the same browser. */
  async reload(who: number): Promise<void> {
    const page = this.pages[who]!
    await page.reload()
    this.peers[who] = await this.#start(page)
    for (let other = 0; other < this.pages.length; other++) {
      if (other !== who) await this.#meet(who, other)
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }

  async #start(page: Page): Promise<string> {
    const order = { type: 'start', relay: this.#relay.origin } as const
    return String(await page.evaluate((order) => window.bench.ask(order), order))
  }

  /** Direct connections are only between two who want each other. */
  async #meet(one: number, other: number): Promise<void> {
    const relay = new URL(this.#relay.origin).host
    const meet = (who: number, whom: number): Promise<unknown> =>
      this.pages[who]!.evaluate((order) => window.bench.ask(order), {
        type: 'meet',
        peer: this.peers[whom]!,
        relay,
      } as const)
    await Promise.all([meet(one, other), meet(other, one)])
  }
}
