/** The browsers the tests drive: those of this machine, else fetched or installed where that is allowed. */
import { existsSync, globSync } from 'node:fs'
import { chromium } from 'playwright'
import { run } from './command.ts'
import { installDebianPackages, onPath } from './programs.ts'

export interface WebKit {
  /** WebKitWebDriver, which speaks W3C WebDriver. */
  driver: string
  miniBrowser: string
  /** A display for it: MiniBrowser has no headless mode. */
  xvfb: string
}

export function findChromium(): string | null {
  const system = onPath('chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome')
  if (system !== null) return system
  const own = chromium.executablePath()
  return existsSync(own) ? own : null
}

/** Chromium's engine with nothing around the page. */
export function findChromiumShell(): string | null {
  return onPath('chromium-headless-shell')
}

export function findFirefox(): string | null {
  return onPath('firefox-esr', 'firefox')
}

export function findWebKit(): WebKit | null {
  const driver = onPath('WebKitWebDriver')
  const xvfb = onPath('Xvfb')
  const [miniBrowser] = globSync([
    '/usr/lib/*/webkit2gtk-4.*/MiniBrowser',
    '/usr/libexec/webkit2gtk-4.*/MiniBrowser',
  ])
  return driver === null || xvfb === null || miniBrowser === undefined
    ? null
    : { driver, miniBrowser, xvfb }
}

/**
 * A Chromium that starts: this machine's, else Playwright's download, else Debian's.
 * @throws Error that says what to install.
 */
export async function ensureChromium(): Promise<string> {
  const ways = [
    () => Promise.resolve(),
    async () => {
      console.log('No Chromium on this machine: fetching Playwright’s…')
      await run(['playwright', 'install', 'chromium'], { show: true })
    },
    () => installDebianPackages(['chromium']),
  ]
  for (const tryToGet of ways) {
    await tryToGet()
    const found = findChromium()
    // One that was fetched may lack libraries of the system.
    if (found !== null && (await run([found, '--version'])).code === 0) return found
  }
  throw new Error('No Chromium. Install it (Debian: apt-get install chromium) and try again.')
}

/** Tries to get the engine alone, which tests of pages run faster in. */
export async function installChromiumShell(): Promise<void> {
  if (findChromiumShell() === null) await installDebianPackages(['chromium-headless-shell'])
}

/** Tries to get the browsers that only the tests between browsers need; `find…` then tells what is there. */
export async function installOtherBrowsers(): Promise<void> {
  if (findFirefox() === null) await installDebianPackages(['firefox-esr'])
  if (findWebKit() === null) await installDebianPackages(['webkit2gtk-driver', 'xvfb'])
}
