import { randomBytes } from 'node:crypto'
import type { Nodes } from './nodes.ts'
import type { ToWorker } from './page/messages.ts'
import type { Shared, Wanted } from './page/transfers.ts'
import type { Around } from './processor.ts'

/** One file that is shared by all but the first of these, and got by the first. */
export class Transfer {
  readonly #nodes: Nodes
  readonly #shared: Shared

  private constructor(nodes: Nodes, shared: Shared) {
    this.#nodes = nodes
    this.#shared = shared
  }

  /** The second makes a file of so many bytes; all later ones keep it from there. */
  static async of(nodes: Nodes, bytes: number): Promise<Transfer> {
    const ask = (who: number, order: Exclude<ToWorker, { type: 'rtc' }>): Promise<unknown> =>
      nodes.pages[who]!.evaluate((order) => window.bench.ask(order), order)
    const shared = (await ask(1, { type: 'share', bytes })) as Shared
    const wanted = { ...shared, peers: [nodes.peers[1]!], shelf: newShelf() }
    for (let who = 2; who < nodes.pages.length; who++) await ask(who, { type: 'keep', wanted })
    return new Transfer(nodes, shared)
  }

  /** Milliseconds in which the first gets it. @throws Error when it is not what was shared */
  async get(around: Around = (run) => run()): Promise<number> {
    const wanted = this.#want()
    const ms = await around(async () => Number(await this.#ask(0, { type: 'get', wanted })))
    await this.#check(wanted)
    return ms
  }

  /**
   * Bytes given more than once when the first loads its page anew as soon as so much of the file is there, and then gets
   * the rest. @param part of 1
   */
  async interrupted(part: number): Promise<number> {
    const [page] = this.#nodes.pages
    await this.#given()
    const wanted = this.#want()
    const begun = this.#ask(0, { type: 'get', wanted }).catch(() => undefined)
    while (Number(await this.#ask(0, { type: 'part', wanted })) < part)
      await page!.waitForTimeout(20)
    await this.#nodes.reload(0)
    await begun
    await this.#ask(0, { type: 'get', wanted })
    const given = await this.#given()
    await this.#check(wanted)
    return given - this.#shared.contentBytes
  }

  /** From now on each of those who have it sends so many bytes a second. */
  async cap(bytesPerSecond: number): Promise<void> {
    for (let who = 1; who < this.#nodes.pages.length; who++) {
      await this.#ask(who, { type: 'cap', bytesPerSecond })
    }
  }

  /** What the first asks for, to be kept where nothing is yet. */
  #want(): Wanted {
    return {
      ...this.#shared,
      peers: this.#nodes.peers.slice(1),
      shelf: newShelf(),
    }
  }

  /** Forgets what was got. @throws Error when it is not what was shared */
  async #check(wanted: Wanted): Promise<void> {
    if ((await this.#ask(0, { type: 'check', wanted })) !== true) {
      throw new Error('something else was got')
    }
  }

  async #given(): Promise<number> {
    return Number(await this.#ask(1, { type: 'given' }))
  }

  #ask(who: number, order: Exclude<ToWorker, { type: 'rtc' }>): Promise<unknown> {
    return this.#nodes.pages[who]!.evaluate((order) => window.bench.ask(order), order)
  }
}

function newShelf(): string {
  return randomBytes(16).toString('base64url')
}
