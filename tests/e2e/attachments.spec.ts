import { createHash, randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { wholeChromium } from '../support/chromium.ts'
import { downloadsOnly } from '../support/page-scripts.ts'
import { picture, takenWhere } from '../support/pictures.ts'
import { Relay } from '../support/relay.ts'
import { expect, expectStored, friends, test } from './fixtures.ts'

// A microphone that beeps, and nobody is asked whether it may be used.
test.use({
  launchOptions: wholeChromium(
    '--use-fake-device-for-media-stream',
    '--use-fake-ui-for-media-stream',
  ),
})

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

test('a file goes with words, is got by itself and saved', async ({ person }) => {
  const [anna, boris] = await friends(person)
  await boris.context.addInitScript(downloadsOnly)
  await boris.reload()
  await anna.openChat('Boris')
  await boris.openChat('Anna')
  const buffer = randomBytes(600_000)
  await anna.attach({ name: 'map.bin', mimeType: 'application/octet-stream', buffer })
  await anna.composer.fill('the map')
  await anna.pressSend()
  await expect(anna.state('map.bin')).toHaveAttribute('data-state', /delivered|read/)
  const message = boris.message('map.bin')
  await expect(message).toContainText('the map')
  const save = message.getByRole('button', { name: 'Save map.bin' })
  await expect(save).toBeEnabled()
  const saved = boris.page.waitForEvent('download')
  await save.click()
  expect(sha256(await readFile(await (await saved).path()))).toBe(sha256(buffer))
})

test('how far a file has come is told to who sent it and to who gets it', async ({ person }) => {
  test.slow()
  const [anna, boris] = await friends(person)
  await anna.limitSpeed('Giving', '250 kB/s')
  await anna.openChat('Boris')
  await boris.openChat('Anna')
  const path = test.info().outputPath('film.bin')
  // Through the protocol of the browser so much takes long.
  await writeFile(path, randomBytes(8_000_000))
  await anna.attach(path)
  await anna.pressSend()
  await Promise.all([
    expect(anna.message('film.bin')).toContainText(/Boris has [1-9]\d?%/),
    expect(boris.message('film.bin')).toContainText(/[1-9]\d?% of 8 MB · .+\/s · .+ left/),
  ])
})

test('a file comes from a relay when who sent it sleeps', async ({ person }) => {
  test.slow()
  await using relay = await Relay.start('--max-copies-mib', '64')
  const [anna, boris] = await friends(person, { relay })
  await boris.context.addInitScript(downloadsOnly)
  await boris.leave()
  await anna.openChat('Boris')
  const buffer = randomBytes(600_000)
  await anna.attach({ name: 'map.bin', mimeType: 'application/octet-stream', buffer })
  await anna.pressSend()
  await expectStored(anna, 'map.bin')
  // No relay keeps anything before she was asked.
  await expect(anna.message('map.bin')).toContainText('goes once you are both online')
  await anna.page.getByRole('button', { name: 'Yes, keep it' }).click()
  await expect(anna.message('map.bin')).toContainText('At a relay until')
  await expect(anna.page.getByRole('button', { name: 'Yes, keep it' })).toBeHidden()
  expect(await copiesAt(relay)).toBe(1)
  await anna.leave()

  await boris.comeBack()
  await boris.openChat('Anna')
  const save = boris.message('map.bin').getByRole('button', { name: 'Save map.bin' })
  await expect(save).toBeEnabled({ timeout: 120_000 })
  const saved = boris.page.waitForEvent('download')
  await save.click()
  expect(sha256(await readFile(await (await saved).path()))).toBe(sha256(buffer))
  await boris.leave()

  await anna.comeBack()
  await anna.openChat('Boris')
  await expect(anna.message('map.bin')).not.toContainText(/At a relay|has not got it yet/)
  await expect.poll(() => copiesAt(relay)).toBe(0)
})

test('a file that no relay keeps is said to wait for both', async ({ person }) => {
  const [anna, boris] = await friends(person)
  await boris.leave()
  await anna.openChat('Boris')
  const buffer = randomBytes(60_000)
  await anna.attach({ name: 'map.bin', mimeType: 'application/octet-stream', buffer })
  await anna.pressSend()
  await expect(anna.message('map.bin')).toContainText('goes once you are both online')

  await boris.comeBack()
  await expect(anna.message('map.bin')).not.toContainText(/both online|has not got it yet/, {
    timeout: 120_000,
  })
})

test('a picture keeps its place, and says nothing of where it was taken', async ({ person }) => {
  const [anna, boris] = await friends(person)
  await boris.context.addInitScript(downloadsOnly)
  await boris.reload()
  await anna.openChat('Boris')
  await boris.openChat('Anna')
  const buffer = await picture(anna.page, { width: 1200, height: 800 })
  expect(takenWhere(buffer)).toBe(true)
  await anna.attach({ name: 'beach.jpg', mimeType: 'image/jpeg', buffer })
  const waiting = anna.page.getByRole('list', { name: 'About to be sent' })
  await expect(waiting.getByRole('img', { name: 'Photo' })).toHaveJSProperty('naturalWidth', 1200)
  await anna.pressSend()
  const shown = boris.page.getByRole('button', { name: 'Open the photo' })
  await expect(shown.getByRole('img')).toHaveJSProperty('naturalWidth', 1200)
  const box = (await shown.boundingBox())!
  expect(box.width / box.height).toBeCloseTo(1.5, 1)
  await shown.click()
  const dialog = boris.page.getByRole('dialog', { name: 'Photo' })
  const large = dialog.frameLocator('iframe').getByRole('img', { name: 'Photo' })
  await expect(large).toHaveJSProperty('naturalWidth', 1200)
  const saved = await boris.saveDownload('Save')
  expect(takenWhere(await readFile(saved))).toBe(false)
  await boris.page.keyboard.press('Escape')
  await boris.goTo('Chats')
  await expect(boris.chat('Anna')).toContainText('Photo')
})

test('a voice message is recorded, sent and played', async ({ person }) => {
  const [anna, boris] = await friends(person)
  await anna.openChat('Boris')
  await boris.openChat('Anna')
  await anna.page.getByRole('button', { name: 'Record a voice message' }).click()
  await expect(anna.page.getByRole('timer')).toHaveText('0:02')
  await anna.page.getByRole('button', { name: 'Send the voice message' }).click()
  const play = boris.page.getByRole('button', { name: 'Play', exact: true })
  await play.click()
  await expect(boris.page.getByRole('button', { name: 'Pause', exact: true })).toBeVisible()
  await expect(play).toBeVisible()
  await expect(boris.page.getByRole('slider', { name: 'Place in the voice message' })).toBeVisible()
  await boris.goTo('Chats')
  await expect(boris.chat('Anna')).toContainText(/Voice message 0:0[23]/)
})

test('what was pasted or dropped waits to be sent, and can be taken out', async ({ person }) => {
  const anna = await person('Anna')
  await anna.openChat('Notes to self')
  await anna.composer.focus()
  await anna.page.evaluate(() => {
    const data = new DataTransfer()
    data.items.add(new File(['pasted'], 'pasted.txt', { type: 'text/plain' }))
    document.activeElement!.dispatchEvent(
      new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }),
    )
    const dropped = new DataTransfer()
    dropped.items.add(new File(['dropped'], 'dropped.txt', { type: 'text/plain' }))
    window.dispatchEvent(
      new DragEvent('drop', { dataTransfer: dropped, bubbles: true, cancelable: true }),
    )
  })
  const tray = anna.page.getByRole('list', { name: 'About to be sent' })
  await expect(tray.getByRole('listitem')).toHaveCount(2)
  await anna.page.getByRole('button', { name: 'Take out pasted.txt' }).click()
  await anna.pressSend()
  await expect(anna.message('dropped.txt')).toBeVisible()
  await expect(anna.message('pasted.txt')).toHaveCount(0)
})

test('a file is still there after a reload, and goes with its message', async ({ person }) => {
  const anna = await person('Anna')
  await anna.openChat('Notes to self')
  await anna.attach({ name: 'kept.txt', mimeType: 'text/plain', buffer: Buffer.from('kept') })
  await anna.pressSend()
  await expect(anna.message('kept.txt')).toBeVisible()
  await anna.reload()
  await expect(anna.page.getByRole('button', { name: 'Save kept.txt' })).toBeEnabled()
  await anna.chooseForMessage('kept.txt', 'Delete…')
  await anna.page.getByRole('button', { name: 'Delete', exact: true }).click()
  await expect(anna.message('kept.txt')).toHaveCount(0)
})

test('what another app shares goes into the chat that is chosen', async ({ person }) => {
  const anna = await person('Anna')
  await anna.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
  // As the system does, which opens the page where it is then led.
  await anna.page.evaluate(async () => {
    const form = new FormData()
    form.append('files', new File(['from the gallery'], 'shared.txt', { type: 'text/plain' }))
    form.append('text', 'have a look')
    await fetch('/handover', { method: 'POST', body: form, redirect: 'manual' })
    location.hash = '#/handover'
    location.reload()
  })
  await expect(anna.page.getByText('Choose the chat in which to send')).toBeVisible()
  await anna.openChat('Notes to self')
  await expect(anna.composer).toHaveValue('have a look')
  await anna.pressSend()
  await expect(anna.message('shared.txt')).toContainText('have a look')
})

async function copiesAt(relay: Relay): Promise<number> {
  const metrics = await (await fetch(`${relay.origin}/metrics`)).text()
  return Number(/^starling_relay_copies (\d+)$/m.exec(metrics)?.[1])
}
