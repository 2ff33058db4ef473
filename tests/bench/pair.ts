import type { Page } from 'playwright'
import type { Relay } from '../support/relay.ts'
import type {} from './page/main.ts'
import type { Sealed } from './page/messages.ts'
import { median } from '../support/trend.ts'
import { interleaved, type Round } from './measure.ts'
import { Nodes } from './nodes.ts'

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
    const { pages } = stack.use(await Nodes.meet(relay, 2))
    const [here, there] = pages as [Page, Page]
    const offer = await here.evaluate(() => window.bench.raw.describe(null))
    const answer = await there.evaluate((sdp) => window.bench.raw.describe(sdp), offer)
    await Promise.all([
      here.evaluate((sdp) => window.bench.raw.open(sdp), answer),
      there.evaluate(() => window.bench.raw.open(null)),
    ])
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

  #interleave(ours: () => Promise<number>, other: () => Promise<number>): Promise<Round> {
    return interleaved(this.#turn++, ours, other)
  }
}
