import type { Page } from 'playwright'
import { launchChromium } from '../support/chromium.ts'
import { recordPeerConnections } from '../support/page-scripts.ts'
import { Person } from '../support/person.ts'
import type { Relay } from '../support/relay.ts'
import { reachable } from './reachable.ts'

/** Two people who talk directly, of whom one has several tabs. */
export class Friends implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack
  readonly #boris: Person

  private constructor(stack: AsyncDisposableStack, boris: Person) {
    this.#stack = stack
    this.#boris = boris
  }

  static async meet(relay: Relay): Promise<Friends> {
    await using stack = new AsyncDisposableStack()
    const anna = await arrive(stack, relay, 'Anna')
    const boris = await arrive(stack, relay, 'Boris')
    await boris.meet(anna, { mine: 'Boris', theirs: 'Anna' })
    await direct(boris.page)
    return new Friends(stack.move(), boris)
  }

  /** Milliseconds from the end of the tab that holds the connections to a direct one in the tab that is left. */
  async closeBridge(): Promise<number> {
    const bridge = this.#boris.page
    const left = await this.#boris.openTab()
    await bridge.close()
    const startMs = performance.now()
    await direct(left)
    return performance.now() - startMs
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }
}

/** Resolves once this tab holds a WebRTC connection that works. */
async function direct(page: Page): Promise<void> {
  const connected = (): boolean =>
    window.peerConnections?.some(({ connectionState }) => connectionState === 'connected') ?? false
  await page.waitForFunction(connected)
}

/** Someone whose relay fails. */
export class Reserved implements AsyncDisposable {
  readonly #stack: AsyncDisposableStack
  readonly #relay: Relay
  readonly #page: Page

  private constructor(stack: AsyncDisposableStack, relay: Relay, page: Page) {
    this.#stack = stack
    this.#relay = relay
    this.#page = page
  }

  static async at(relay: Relay): Promise<Reserved> {
    await using stack = new AsyncDisposableStack()
    const anna = await arrive(stack, relay, 'Anna')
    await anna.goTo('Network')
    await reachable(anna.page)
    return new Reserved(stack.move(), relay, anna.page)
  }

  /** Milliseconds from the relay's first answer after a failure to a place that it holds again. */
  async restart(): Promise<number> {
    await this.#relay.kill()
    await this.#page.getByText('Others can reach you').waitFor({ state: 'hidden' })
    await this.#relay.up()
    const startMs = performance.now()
    await reachable(this.#page)
    return performance.now() - startMs
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }
}

/** Someone new, in a browser of their own that ends with the stack. */
export async function arrive(
  stack: AsyncDisposableStack,
  relay: Relay,
  name: string,
): Promise<Person> {
  const browser = await launchChromium()
  stack.defer(() => browser.close())
  const context = await browser.newContext({ locale: 'en-GB' })
  await context.addInitScript(recordPeerConnections)
  const person = await Person.arrive(context, relay.origin)
  await person.start(name)
  return person
}
