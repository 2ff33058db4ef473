import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Page } from 'playwright'
import { launchChromium } from '../support/chromium.ts'
import type { Arrivals, ArrivalsInit } from './arrivals.ts'
import type {} from './page/main.ts'
import type { RawPlace } from './page/raw-session.ts'
import type { WebTransportOrder } from './page/web-transport.ts'
import type { RawWay } from './raw-ways.ts'
import { serveBenchPage } from './serve.ts'
import type { Near } from './ways.ts'

/** The raw server of WebTransport, in a process of its own as a relay's is. */
export class RawQuicServer implements AsyncDisposable {
  readonly place: RawPlace
  readonly #process: ChildProcess

  private constructor(process: ChildProcess, place: RawPlace) {
    this.#process = process
    this.place = place
  }

  static async start(): Promise<RawQuicServer> {
    const child = fork(new URL('raw-quic-server.ts', import.meta.url))
    const [place] = (await once(child, 'message')) as [RawPlace]
    return new RawQuicServer(child, place)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, 'exit')
    this.#process.kill()
    await ended
  }
}

/** A browser, whose worker goes by WebTransport: Node has none. */
export class WebTransportPage implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack
  readonly #page: Page

  private constructor(stack: AsyncDisposableStack, page: Page) {
    this.#stack = stack
    this.#page = page
  }

  static async open(): Promise<WebTransportPage> {
    await using stack = new AsyncDisposableStack()
    const origin = await serveBenchPage(stack)
    const browser = await launchChromium()
    stack.defer(() => browser.close())
    const page = await browser.newPage()
    await page.goto(origin)
    return new WebTransportPage(stack.move(), page)
  }

  /** @param address of the relay's WebTransport */
  async dial(address: string): Promise<Near> {
    const peer = (await this.#ask({ what: 'dial', address })) as string
    return {
      peer,
      roundTrips: async (times) => (await this.#ask({ what: 'round-trips', times })) as number[],
      expect: async (bytes) => {
        await this.#ask({ what: 'expect', bytes })
      },
      all: async () => {
        await this.#ask({ what: 'all' })
      },
      stop: async () => {
        await this.#ask({ what: 'stop' })
      },
    }
  }

  async openRaw({ place }: RawQuicServer): Promise<RawWay> {
    await this.#ask({ what: 'raw-open', place })
    return {
      roundTrips: async (times) =>
        (await this.#ask({ what: 'raw-round-trips', times })) as number[],
      bytes: async (bytes) => {
        await this.#ask({ what: 'raw-bytes', bytes })
      },
      [Symbol.asyncDispose]: async () => {
        await this.#ask({ what: 'raw-close' })
      },
    }
  }

  /** Milliseconds of a raw session that is opened and used once. */
  async rawOnce({ place }: RawQuicServer): Promise<number> {
    return (await this.#ask({ what: 'raw-once', place })) as number
  }

  /** See `arrivals`; of somebody whose node is in the worker. */
  async arrivals(init: ArrivalsInit): Promise<Arrivals> {
    return (await this.#ask({ what: 'arrivals', init })) as Arrivals
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }

  #ask(order: WebTransportOrder): Promise<unknown> {
    return this.#page.evaluate((order) => window.bench.ask({ type: 'web-transport', order }), order)
  }
}
