/** A real file in the place of the one a person chooses in the window for saving, which no test can reach. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright'
import { savesIntoDropped } from './page-scripts.ts'

/** Lets pages of this origin write to files they were given, in a Chromium profile that was never opened. */
export async function letWrite(profile: string, origin: string): Promise<void> {
  const allowed = { [`${origin},*`]: { setting: 1 } }
  const exceptions = { file_system_write_guard: allowed }
  await mkdir(join(profile, 'Default'), { recursive: true })
  await writeFile(
    join(profile, 'Default', 'Preferences'),
    JSON.stringify({ profile: { content_settings: { exceptions } } }),
  )
}

/**
 * Makes an empty file, drops it on the page, and has the page save into it from then on.
 * @param path absolute, and outside the profile: Chromium gives no page a file of its own
 */
export async function chooseFile(page: Page, path: string): Promise<void> {
  await writeFile(path, '')
  await page.evaluate(savesIntoDropped)
  const browser = await page.context().newCDPSession(page)
  const data = { items: [], files: [path], dragOperationsMask: 1 }
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const) {
    await browser.send('Input.dispatchDragEvent', { type, x: 1, y: 1, data })
  }
  await browser.detach()
}
