import { createServer } from 'node:http'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import type { Page } from 'playwright'
import { build } from 'vite'
import { launchChromium } from '../support/chromium.ts'
import type { Relay } from '../support/relay.ts'
import type {} from './page/main.ts'
import type { Sealed } from './page/messages.ts'
import { median } from '../support/trend.ts'
import type { Round } from './measure.ts'

const PAGE = join(import.meta.dirname, 'page')
const BUILT = join(import.meta.dirname, '../../node_modules/.cache/starling-bench')
const TYPES: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' }

/** Bytes of a frame that goes there and back: a chat message of a line or two. */
const MESSAGE_BYTES = 256
const ECHOES = 200
const BULK_BYTES = 32 * 1024 * 1024

/** Two browsers whose nodes are connected directly, and a raw data channel between the same two pages. */
export class Pair implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack
  readonly #page: Page

  private constructor(stack: AsyncDisposableStack, page: Page) {
    this.#stack = stack
    this.#page = page
  }

  static async meet(relay: Relay): Promise<Pair> {
    await using stack = new AsyncDisposableStack()
    const origin = await serveBenchPage(stack)
    const pages: Page[] = []
    for (let who = 0; who < 2; who++) {
      const browser = await launchChromium()
      stack.defer(() => browser.close())
      const page = await (await browser.newContext()).newPage()
      await page.goto(origin)
      pages.push(page)
    }
    const [here, there] = pages as [Page, Page]
    const offer = await here.evaluate(() => window.bench.raw.describe(null))
    const answer = await there.evaluate((sdp) => window.bench.raw.describe(sdp), offer)
    await Promise.all([
      here.evaluate((sdp) => window.bench.raw.open(sdp), answer),
      there.evaluate(() => window.bench.raw.open(null)),
    ])
    const start = (page: Page): Promise<unknown> =>
      page.evaluate((origin) => window.bench.ask({ type: 'start', relay: origin }), relay.origin)
    const mine = String(await start(here))
    const theirs = String(await start(there))
    const relayHost = new URL(relay.origin).host
    const meet = (page: Page, peer: string): Promise<unknown> =>
      page.evaluate(([peer, relay]) => window.bench.ask({ type: 'meet', peer, relay }), [
        peer,
        relayHost,
      ] as const)
    // Direct connections are only between two who want each other.
    await Promise.all([meet(here, theirs), meet(there, mine)])
    return new Pair(stack.move(), here)
  }

  /** Median milliseconds of a round trip, in each arm. */
  roundTrip(): Promise<Round> {
    return this.#interleave(
      () => this.#echo('nothing'),
      async () =>
        median(
          await this.#page.evaluate(([rounds, bytes]) => window.bench.raw.echo(rounds, bytes), [
            ECHOES,
            MESSAGE_BYTES,
          ] as const),
        ),
    )
  }

  /** Median milliseconds of a round trip with so much of it sealed, beside one in which nothing is. */
  sealedRoundTrip(sealed: Sealed): Promise<Round> {
    return this.#interleave(
      () => this.#echo(sealed),
      () => this.#echo('nothing'),
    )
  }

  /** Megabytes a second until the other side has all, in each arm. */
  bulk(): Promise<Round> {
    const rate = (ms: number): number => BULK_BYTES / 1e6 / (ms / 1000)
    return this.#interleave(
      async () => {
        const order = { type: 'bulk', bytes: BULK_BYTES } as const
        return rate((await this.#page.evaluate((it) => window.bench.ask(it), order)) as number)
      },
      async () =>
        rate(await this.#page.evaluate((bytes) => window.bench.raw.bulk(bytes), BULK_BYTES)),
    )
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }

  async #echo(sealed: Sealed): Promise<number> {
    const order = { type: 'echo', rounds: ECHOES, bytes: MESSAGE_BYTES, sealed } as const
    return median((await this.#page.evaluate((it) => window.bench.ask(it), order)) as number[])
  }

  #turn = 0

  /** The arms one after the other, each round beginning with another, so that none is always the warm one. */
  async #interleave(ours: () => Promise<number>, other: () => Promise<number>): Promise<Round> {
    const arms = { other, ours, again: other }
    const names = ['other', 'ours', 'again'] as const
    const round: Round = { ours: 0, other: 0, again: 0 }
    for (let at = 0; at < names.length; at++) {
      const name = names[(at + this.#turn) % names.length]!
      round[name] = await arms[name]()
    }
    this.#turn++
    return round
  }
}

/** Builds the bench's page and serves it on localhost, where it is a secure page, until `stack` ends. Gives its address. */
export async function serveBenchPage(stack: AsyncDisposableStack): Promise<string> {
  await build({ configFile: join(PAGE, 'vite.config.ts'), logLevel: 'error' })
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const file = join(BUILT, path === '/' ? 'index.html' : path)
    readFile(file).then(
      (body) => {
        response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream')
        response.end(body)
      },
      () => {
        response.writeHead(404).end()
      },
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  stack.defer(() => {
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port is free')
  return `http://localhost:${address.port}`
}
