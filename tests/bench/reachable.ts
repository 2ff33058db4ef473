import type { Page } from 'playwright'

/**
 * Resolves with the first frame in which the network screen says that a relay holds a place. A locator's `waitFor`
 * looks only twice a second after its first tries.
 */
export async function reachable(page: Page): Promise<void> {
  await page.waitForFunction(() => document.body.textContent.includes('Others can reach you'))
}
