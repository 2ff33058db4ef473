import { setTimeout as delay } from 'node:timers/promises'
import type { Person } from '../support/person.ts'
import type { Relay } from '../support/relay.ts'
import { started } from './processor.ts'
import { arrive } from './recovery.ts'

/** Longer than a relay, or who is connected directly, waits for whoever is silent. */
export const NAP_MS = 60_000

/** Two people who talk, of whom one's device sleeps now and then: none of its threads runs. */
export class Nap implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack
  readonly #anna: Person
  readonly #boris: Person
  /** Boris's browser. */
  readonly #device: number
  readonly #napMs: number
  #written = 0

  private constructor(
    stack: AsyncDisposableStack,
    anna: Person,
    boris: Person,
    device: number,
    napMs: number,
  ) {
    this.#stack = stack
    this.#anna = anna
    this.#boris = boris
    this.#device = device
    this.#napMs = napMs
  }

  static async between(relay: Relay, napMs: number): Promise<Nap> {
    await using stack = new AsyncDisposableStack()
    const anna = await arrive(stack, relay, 'Anna')
    const others = started()
    const boris = await arrive(stack, relay, 'Boris')
    const [device] = [...started()].find(
      ([pid, { parent }]) => parent === process.pid && !others.has(pid),
    )!
    await boris.meet(anna, { mine: 'Boris', theirs: 'Anna' })
    await boris.openChat('Anna')
    await anna.openChat('Boris')
    return new Nap(stack.move(), anna, boris, device, napMs)
  }

  /** Milliseconds from the waking until what Boris writes at once is with Anna. */
  async take(): Promise<number> {
    const text = `message ${(this.#written += 1)}`
    await this.#boris.composer.fill(text)
    const processes = [this.#device, ...started(this.#device).keys()]
    for (const pid of processes) signal(pid, 'SIGSTOP')
    await delay(this.#napMs)
    for (const pid of processes) signal(pid, 'SIGCONT')
    const startMs = performance.now()
    await this.#boris.composer.press('Enter')
    await this.#anna.message(text).waitFor()
    return performance.now() - startMs
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It has ended meanwhile.
  }
}
