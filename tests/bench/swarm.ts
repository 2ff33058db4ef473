import { once } from 'node:events'
import Server from 'bittorrent-tracker/server'
import type { Nodes } from './nodes.ts'
import type { Seeded } from './page/torrents.ts'

/** A file that all but the first of these pages have by WebTorrent, with a tracker of their own on this machine. */
export class Swarm implements AsyncDisposable {
  readonly #nodes: Nodes
  readonly #server: Server
  readonly #tracker: string
  readonly #seeded: Seeded

  private constructor(nodes: Nodes, server: Server, tracker: string, seeded: Seeded) {
    this.#nodes = nodes
    this.#server = server
    this.#tracker = tracker
    this.#seeded = seeded
  }

  /** @param uploadLimit of each that has it, bytes a second; null: none */
  static async of(nodes: Nodes, bytes: number, uploadLimit: number | null): Promise<Swarm> {
    const server = new Server({ udp: false, http: false, ws: true, stats: false })
    const listening = once(server, 'listening')
    server.listen(0, '127.0.0.1', () => undefined)
    await listening
    const address = server.http.address()
    if (address === null || typeof address === 'string') throw new Error('no port is free')
    const tracker = `ws://127.0.0.1:${address.port}`
    const [here, first, ...others] = nodes.pages
    for (const page of nodes.pages) {
      const limit = page === here ? null : uploadLimit
      await page.evaluate((limit) => window.bench.torrents.start(limit), limit ?? -1)
    }
    const seeded = await first!.evaluate(
      ([tracker, bytes]) => window.bench.torrents.seed(tracker, bytes),
      [tracker, bytes] as const,
    )
    for (const page of others) {
      await page.evaluate(([tracker, seeded]) => window.bench.torrents.keep(tracker, seeded), [
        tracker,
        seeded,
      ] as const)
    }
    return new Swarm(nodes, server, tracker, seeded)
  }

  /** Milliseconds from the first connection until the first page has all of it. @throws Error when it differs */
  get(): Promise<number> {
    return this.#nodes.pages[0]!.evaluate(
      ([tracker, seeded]) => window.bench.torrents.get(tracker, seeded),
      [this.#tracker, this.#seeded] as const,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The tracker waits until everybody has left it.
    for (const page of this.#nodes.pages) await page.evaluate(() => window.bench.torrents.stop())
    await new Promise<void>((resolve) => {
      this.#server.close(resolve)
    })
  }
}
