import { createHash, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { downloadsOnly } from '../support/page-scripts.ts'
import { expect, test } from './fixtures.ts'

interface Chosen {
  name: string
  mimeType: string
  buffer: Buffer
}

function file(name: string, bytes: number): Chosen {
  return { name, mimeType: 'application/octet-stream', buffer: randomBytes(bytes) }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

test('files are shared by a link and got by whoever has it', async ({ person, stranger }) => {
  const anna = await person('Anna')
  const chosen = file('songs.bin', 3_000_000)
  const link = await anna.shareFiles([chosen], { description: 'for the road' })

  const boris = await stranger()
  await boris.context.addInitScript(downloadsOnly)
  await boris.openLink(link)
  // The script counts from the next load on.
  await boris.page.reload()
  await boris.start('Boris')
  await expect(boris.transferState('All here')).toBeVisible()
  await expect(boris.page.getByRole('heading', { name: 'songs.bin' })).toBeVisible()
  await expect(boris.page.getByText('for the road')).toBeVisible()
  const saved = await boris.saveDownload('Save')
  expect(sha256(await readFile(saved))).toBe(sha256(chosen.buffer))
})

test('a password is asked for, and only the right one opens', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  const link = await anna.shareFiles([file('songs.bin', 1_000)], { password: 'swallow' })
  await boris.openLink(link)
  await boris.givePassword('sparrow')
  await expect(boris.page.getByText(/This password does not fit/)).toBeVisible()
  await boris.givePassword('swallow')
  await expect(boris.transferState('All here')).toBeVisible()
})

test('what is shared and got goes on after both have reloaded', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  const chosen = file('songs.bin', 30_000_000)
  const link = await anna.shareFiles([chosen])
  await boris.openLink(link)
  await expect(boris.transferState('Getting…')).toBeVisible()
  await boris.page.getByRole('button', { name: 'Pause' }).click()
  await expect(boris.transferState('Paused')).toBeVisible()
  await boris.context.addInitScript(downloadsOnly)
  await anna.page.reload()
  await boris.page.reload()
  await boris.page.getByRole('button', { name: 'Go on' }).click()
  await expect(boris.transferState('All here')).toBeVisible({ timeout: 90_000 })
  expect(sha256(await readFile(await boris.saveDownload('Save')))).toBe(sha256(chosen.buffer))
})

test('who has got it gives it on when who shared it is gone', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  const vera = await person('Vera')
  await vera.context.addInitScript(downloadsOnly)
  const chosen = file('songs.bin', 2_000_000)
  await boris.openLink(await anna.shareFiles([chosen]))
  await expect(boris.transferState('All here')).toBeVisible()
  await anna.context.close()
  await boris.page.getByText('Pass it on').click()
  const passedOn = await boris.page.getByText('#/get/').textContent()
  await vera.openLink((passedOn ?? '').trim())
  await vera.page.reload()
  await expect(vera.transferState('All here')).toBeVisible({ timeout: 60_000 })
  expect(sha256(await readFile(await vera.saveDownload('Save')))).toBe(sha256(chosen.buffer))
})

test('a link that was taken back says so', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  const link = await anna.shareFiles([file('songs.bin', 1_000)])
  await anna.page.getByRole('button', { name: 'Take the link back…' }).click()
  await anna.page.getByRole('button', { name: 'Take it back', exact: true }).click()
  await expect(anna.transferState('Link taken back')).toBeVisible()
  await boris.openLink(link)
  await expect(boris.transferState('Link taken back')).toBeVisible()
})
