import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { findWebKit } from '../../scripts/browser.ts'
import { freePort } from '../support/relay.ts'
import { findByName, Visitor, type Kind } from './visitor.ts'

/** The key of an element reference (W3C WebDriver, 11). */
const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'

type ElementReference = Record<typeof ELEMENT, string>

/** WebKitGTK's MiniBrowser over plain W3C WebDriver (https://www.w3.org/TR/webdriver2/), on a display of its own. */
export class WebKit extends Visitor {
  readonly #processes: readonly ChildProcess[]
  readonly #profile: string
  readonly #session: string

  private constructor(processes: readonly ChildProcess[], profile: string, session: string) {
    super()
    this.#processes = processes
    this.#profile = profile
    this.#session = session
  }

  static async start(): Promise<WebKit> {
    const found = findWebKit()
    if (found === null) throw new Error('no WebKitGTK on this machine')
    const profile = await mkdtemp(join(tmpdir(), 'starling-webkit-'))
    const { display, xvfb } = await startDisplay(found.xvfb)
    const port = await freePort()
    const driver = spawn(found.driver, [`--port=${port}`, '--host=127.0.0.1'], {
      stdio: 'ignore',
      env: {
        ...process.env,
        DISPLAY: display,
        HOME: profile,
        XDG_DATA_HOME: join(profile, 'data'),
        XDG_CACHE_HOME: join(profile, 'cache'),
        LANG: 'en_GB.UTF-8',
        LANGUAGE: 'en_GB',
        // Its sandbox does not start as root.
        WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
        WEBKIT_DISABLE_COMPOSITING_MODE: '1',
      },
    })
    const origin = `http://127.0.0.1:${port}`
    await answering(`${origin}/status`)
    const { sessionId } = await call<{ sessionId: string }>('POST', `${origin}/session`, {
      capabilities: {
        alwaysMatch: {
          'webkitgtk:browserOptions': {
            binary: found.miniBrowser,
            args: ['--automation'],
          },
        },
      },
    })
    return new WebKit([driver, xvfb], profile, `${origin}/session/${sessionId}`)
  }

  override async open(url: string): Promise<void> {
    await call('POST', `${this.#session}/url`, { url })
  }

  override async click(kind: Kind, name: string): Promise<boolean> {
    const element = await this.#find(kind, name)
    if (element === null) return false
    await call('POST', `${this.#session}/element/${element[ELEMENT]}/click`, {})
    return true
  }

  override async type(field: string, text: string): Promise<boolean> {
    const element = await this.#find('field', field)
    if (element === null) return false
    const path = `${this.#session}/element/${element[ELEMENT]}`
    await call('POST', `${path}/clear`, {})
    await call('POST', `${path}/value`, { text })
    return true
  }

  override async text(): Promise<string> {
    const script = 'return document.body.innerText'
    return call<string>('POST', `${this.#session}/execute/sync`, { script, args: [] })
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await call('DELETE', this.#session)
    for (const child of this.#processes) {
      const ended = once(child, 'exit')
      child.kill()
      await ended
    }
    await rm(this.#profile, { recursive: true, force: true })
  }

  async #find(kind: Kind, name: string): Promise<ElementReference | null> {
    return call<ElementReference | null>('POST', `${this.#session}/execute/sync`, {
      script: `return (${findByName.toString()}).apply(null, arguments)`,
      args: [kind, name],
    })
  }
}

/** A virtual display that chooses its own number. */
async function startDisplay(xvfb: string): Promise<{ display: string; xvfb: ChildProcess }> {
  const child = spawn(xvfb, ['-displayfd', '3', '-screen', '0', '1280x800x24'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  })
  const [number] = (await once(child.stdio[3]!, 'data')) as [Buffer]
  return { display: `:${number.toString().trim()}`, xvfb: child }
}

async function answering(url: string): Promise<void> {
  for (;;) {
    try {
      await fetch(url)
      return
    } catch {
      // Not listening yet; the test's own time limit ends this.
      await delay(50)
    }
  }
}

async function call<T>(method: 'POST' | 'DELETE', url: string, body?: object): Promise<T> {
  const response = await fetch(url, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const { value } = (await response.json()) as { value: T & { error?: string; message?: string } }
  if (!response.ok) throw new Error(`${url}: ${value.error ?? ''} ${value.message ?? ''}`)
  return value
}
