import { chromium, type Browser } from 'playwright'
import { findChromium } from '../../scripts/browser.ts'

/** Starts the Chromium that all tests use, for those that Playwright's runner does not start. */
export function launchChromium(...args: string[]): Promise<Browser> {
  const executablePath = findChromium()
  return chromium.launch({
    args: ['--no-sandbox', ...args],
    ...(executablePath === null ? {} : { executablePath }),
  })
}
