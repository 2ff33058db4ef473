import { Relay } from '../support/relay.ts'
import type { Person } from '../support/person.ts'
import { arrive } from './recovery.ts'

/** Somebody with mailboxes at three relays who is away, and one who writes to them. */
export class Sleeper implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack
  readonly #writer: Person
  #written = 0

  private constructor(stack: AsyncDisposableStack, writer: Person) {
    this.#stack = stack
    this.#writer = writer
  }

  static async of(): Promise<Sleeper> {
    await using stack = new AsyncDisposableStack()
    const relays = []
    for (let count = 0; count < 3; count++) relays.push(stack.use(await Relay.start()))
    const [first, ...others] = relays
    const anna = await arrive(stack, first!, 'Anna')
    const boris = await arrive(stack, first!, 'Boris')
    await boris.meet(anna, { mine: 'Boris', theirs: 'Anna' })
    await anna.goTo('Network')
    for (const relay of others) {
      await anna.addRelay(relay.origin)
      await anna.relayRow(relay).getByText('keeps what comes while you sleep').waitFor()
    }
    // What is written on a channel comes after what was told on it before.
    await anna.openChat('Boris')
    await anna.write('good night')
    await boris.openChat('Anna')
    await boris.message('good night').waitFor()
    await anna.leave()
    const sleeper = new Sleeper(stack.move(), boris)
    // Once in vain: that they are away has to be noticed.
    await sleeper.write()
    return sleeper
  }

  /** Milliseconds from the key that sends a message until it is shown as stored. */
  async write(): Promise<number> {
    const text = `message ${(this.#written += 1)}`
    const { composer, page } = this.#writer
    await composer.fill(text)
    const startMs = performance.now()
    await composer.press('Enter')
    await page.waitForFunction((text) => {
      const all = [...document.querySelectorAll('article')]
      const mine = all.find((each) => each.textContent.includes(text))
      return mine?.querySelector('[data-state=stored]') != null
    }, text)
    return performance.now() - startMs
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }
}
