import { chromium, type Browser, type LaunchOptions } from 'playwright'
import { findChromium, findChromiumShell } from '../../scripts/browser.ts'

/** Chromium as people have it. */
export function wholeChromium(...args: string[]): LaunchOptions {
  return started(findChromium(), args)
}

/** The same engine without a browser's own windows, where it is on this machine: each context costs it far less. */
export function chromiumShell(...args: string[]): LaunchOptions {
  return started(findChromiumShell() ?? findChromium(), args)
}

/** For tests that Playwright's runner does not start a browser for. */
export function launchChromium(...args: string[]): Promise<Browser> {
  return chromium.launch(wholeChromium(...args))
}

function started(executablePath: string | null, args: readonly string[]): LaunchOptions {
  return {
    args: ['--no-sandbox', ...args],
    ...(executablePath === null ? {} : { executablePath }),
  }
}
