import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rm, writeFile } from 'node:fs/promises'
import { wholeChromium } from '../support/chromium.ts'
import { expect, test } from './fixtures.ts'

/** What the browser's camera films: a film of one picture, which the browser repeats. */
const film = join(tmpdir(), `starling-camera-${process.pid}.mjpeg`)

test.use({
  launchOptions: wholeChromium(
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
    `--use-file-for-fake-video-capture=${film}`,
  ),
})

test.afterAll(() => rm(film, { force: true }))

test('a code is read by the camera', async ({ person }) => {
  const anna = await person('Anna', { viewport: { width: 640, height: 480 } })
  const boris = await person('Boris')
  await anna.openMyCode()
  await anna.myCodePicture.scrollIntoViewIfNeeded()
  await writeFile(film, await anna.page.screenshot({ type: 'jpeg' }))

  await boris.openScan()
  await boris.page.getByRole('button', { name: 'Use the camera' }).click()

  await expect(boris.page.getByRole('heading', { name: 'Anna' })).toBeVisible()
  await boris.addPreviewed()
  await anna.accept('Boris')
})
