import { setTimeout as delay } from 'node:timers/promises'

/** How long anything may take that has to appear: a first dial may run into a time-out and be tried again. */
const PATIENCE_MS = 40_000

/** What a person looks for on a page. */
export type Kind = 'button' | 'link' | 'field'

/** Someone who uses Starling in a browser that Playwright does not drive. */
export abstract class Visitor implements AsyncDisposable {
  abstract open(url: string): Promise<void>
  /** False when it is not there (yet). */
  abstract click(kind: Kind, name: string): Promise<boolean>
  /** Types into a field; false when it is not there (yet). */
  abstract type(field: string, text: string): Promise<boolean>
  /** What the page shows, as text. */
  abstract text(): Promise<string>
  abstract [Symbol.asyncDispose](): Promise<void>

  async press(kind: 'button' | 'link', name: string): Promise<void> {
    await this.#until(`${kind} “${name}”`, () => this.click(kind, name))
  }

  async fill(field: string, text: string): Promise<void> {
    await this.#until(`field “${field}”`, () => this.type(field, text))
  }

  async sees(text: string): Promise<void> {
    await this.#until(`“${text}”`, async () => (await this.text()).includes(text))
  }

  async start(name: string): Promise<void> {
    await this.fill('What should others call you?', name)
    await this.press('button', 'Start')
    await this.sees('Notes to self')
  }

  async write(text: string): Promise<void> {
    await this.fill('Message', text)
    await this.press('button', 'Send')
    await this.sees(text)
  }

  /** Asks again until it is so. @throws Error that names what did not come, and what is there instead. */
  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS
    while (!(await isSo())) {
      if (performance.now() > deadlineMs) {
        throw new Error(`${what} did not come; the page shows:\n${await this.text()}`)
      }
      await delay(100)
    }
  }
}

/**
 * Finds by accessible name, as far as our own pages need it: labels, aria-label, else what stands in it. Sent
 * to the page as text. An exact name goes before one that only begins so.
 */
export function findByName(kind: Kind, name: string): Element | null {
  const selectors = {
    button: 'button, [role=button]',
    link: 'a[href]',
    field: 'input, textarea',
  }
  const nameOf = (element: Element): string => {
    const label = element.getAttribute('aria-label')
    const labels = 'labels' in element ? (element.labels as NodeListOf<Element> | null) : null
    return (label ?? labels?.[0]?.textContent ?? element.textContent).replaceAll(/\s+/g, ' ').trim()
  }
  const visible = [...document.querySelectorAll(selectors[kind])].filter((element) =>
    element.checkVisibility(),
  )
  return (
    visible.find((element) => nameOf(element) === name) ??
    visible.find((element) => nameOf(element).startsWith(name)) ??
    (kind === 'link' ? visible.find((element) => nameOf(element).includes(name)) : undefined) ??
    null
  )
}
