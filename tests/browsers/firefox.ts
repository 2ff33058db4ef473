import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launch, type Browser, type ElementHandle, type Page } from 'puppeteer-core'
import { findFirefox } from '../../scripts/browser.ts'
import { findByName, Visitor, type Kind } from './visitor.ts'

/** Firefox over WebDriver BiDi. */
export class Firefox extends Visitor {
  /** Where it puts what is downloaded, without asking. It goes when the browser does. */
  readonly downloads: string
  readonly #browser: Browser
  readonly #page: Page

  private constructor(browser: Browser, page: Page, downloads: string) {
    super()
    this.downloads = downloads
    this.#browser = browser
    this.#page = page
  }

  static async start(): Promise<Firefox> {
    const executablePath = findFirefox()
    if (executablePath === null) throw new Error('no Firefox on this machine')
    const downloads = await mkdtemp(join(tmpdir(), 'starling-firefox-'))
    const browser = await launch({
      browser: 'firefox',
      executablePath,
      headless: true,
      defaultViewport: { width: 1280, height: 800 },
      extraPrefsFirefox: {
        'intl.locale.requested': 'en-GB',
        'intl.accept_languages': 'en-GB',
        // Both browsers are on one machine: let them find each other over loopback, without mDNS.
        'media.peerconnection.ice.loopback': true,
        'media.peerconnection.ice.obfuscate_host_addresses': false,
        // A folder of one's own.
        'browser.download.folderList': 2,
        'browser.download.dir': downloads,
      },
    })
    return new Firefox(browser, await browser.newPage(), downloads)
  }

  /** Runs this in the page. */
  async run(script: () => Promise<void>): Promise<void> {
    await this.#page.evaluate(script)
  }

  /** What a frame in the page shows, and the origin it says it has; null while there is none. */
  async frame(): Promise<{ origin: string; text: string; pictureWidth: number } | null> {
    const [frame] = this.#page.mainFrame().childFrames()
    return (
      frame?.evaluate(() => ({
        origin: self.origin,
        text: document.body.innerText.trim(),
        pictureWidth: document.images[0]?.naturalWidth ?? 0,
      })) ?? null
    )
  }

  override async open(url: string): Promise<void> {
    await this.#page.goto(url)
  }

  override async click(kind: Kind, name: string): Promise<boolean> {
    const element = await this.#find(kind, name)
    await element?.click()
    return element !== null
  }

  override async type(field: string, text: string): Promise<boolean> {
    const element = await this.#find('field', field)
    if (element === null) return false
    await element.evaluate((input) => {
      ;(input as HTMLInputElement).select()
    })
    await element.type(text)
    return true
  }

  override async text(): Promise<string> {
    return this.#page.evaluate(() => document.body.innerText)
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close()
    await rm(this.downloads, { recursive: true })
  }

  async #find(kind: Kind, name: string): Promise<ElementHandle | null> {
    const handle = await this.#page.evaluateHandle(findByName, kind, name)
    return handle.asElement() as ElementHandle | null
  }
}
