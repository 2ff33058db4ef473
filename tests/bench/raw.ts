import type { Page } from 'playwright'
import type {} from './page/main.ts'
import type { RawSettings } from './page/raw-channels.ts'
import type { Around } from './processor.ts'

/** Raw data channels from one page to another, opened with these settings. */
export class Raw {
  readonly #from: Page
  readonly #to: Page

  private constructor(from: Page, to: Page) {
    this.#from = from
    this.#to = to
  }

  static async open(from: Page, to: Page, settings: RawSettings): Promise<Raw> {
    const create = (page: Page): Promise<void> =>
      page.evaluate((settings) => {
        window.bench.rawTransfer.create(settings)
      }, settings)
    await Promise.all([create(from), create(to)])
    const offers = await from.evaluate(() => window.bench.rawTransfer.describe(null))
    const answers = await to.evaluate((sdps) => window.bench.rawTransfer.describe(sdps), offers)
    await Promise.all([
      from.evaluate((sdps) => window.bench.rawTransfer.open(sdps), answers),
      to.evaluate(() => window.bench.rawTransfer.open(null)),
    ])
    return new Raw(from, to)
  }

  /** Milliseconds until all has arrived. @throws Error when it is not what was sent */
  async send(bytes: number, around: Around = (run) => run()): Promise<number> {
    const sent = await this.#from.evaluate((bytes) => window.bench.rawTransfer.make(bytes), bytes)
    await this.#to.evaluate((bytes) => {
      window.bench.rawTransfer.expect(bytes)
    }, bytes)
    const ms = await around(() => this.#from.evaluate(() => window.bench.rawTransfer.send()))
    const came = await this.#to.evaluate(() => window.bench.rawTransfer.hash())
    if (came !== sent) throw new Error('raw channels brought something else')
    return ms
  }

  async close(): Promise<void> {
    for (const page of [this.#from, this.#to]) {
      await page.evaluate(() => {
        window.bench.rawTransfer.close()
      })
    }
  }
}
