import { createHash, randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { downloadsOnly } from '../support/page-scripts.ts'
import { Relay } from '../support/relay.ts'
import { expect, test } from './fixtures.ts'

/** A file on the disk, as a person has it: through the browser's protocol a large one would take seconds. */
async function file(name: string, bytes: number): Promise<{ path: string; sha256: string }> {
  const path = test.info().outputPath(name)
  const content = randomBytes(bytes)
  await writeFile(path, content)
  return { path, sha256: sha256(content) }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

test('files are shared by a link and got by whoever has it', async ({ person, stranger }) => {
  const anna = await person('Anna')
  const chosen = await file('songs.bin', 3_000_000)
  const link = await anna.shareFiles([chosen.path], { description: 'for the road' })

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
  expect(sha256(await readFile(saved))).toBe(chosen.sha256)
})

test('a newcomer is told that files wait, and is shown the way to a Starling elsewhere', async ({
  person,
  stranger,
}) => {
  const anna = await person('Anna')
  const link = await anna.shareFiles([(await file('songs.bin', 1_000)).path])
  const boris = await stranger()
  await boris.openLink(link)
  await expect(boris.page.getByRole('heading', { name: 'Files are waiting for you' })).toBeVisible()
  await boris.page.getByText('I already use Starling').click()
  await expect(boris.page.getByRole('link', { name: 'Open in my Starling' })).toHaveAttribute(
    'href',
    `web+starling:get/${link.split('#/get/')[1] ?? ''}`,
  )
  await boris.start('Boris')
  await expect(boris.page.getByRole('heading', { name: 'songs.bin' })).toBeVisible()
})

test('what was got is looked at without being saved; what could do harm is not', async ({
  person,
}) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  const notes = test.info().outputPath('notes.txt')
  await writeFile(notes, '<b>Перелётные</b> birds')
  const page = test.info().outputPath('page.html')
  await writeFile(page, '<b>birds</b>')
  await boris.openLink(await anna.shareFiles([notes, page]))
  await expect(boris.transferState('All here')).toBeVisible()
  await boris.page.getByRole('button', { name: 'Look at notes.txt' }).click()
  const dialog = boris.page.getByRole('dialog', { name: 'notes.txt' })
  const text = dialog.frameLocator('iframe').getByRole('region', { name: 'notes.txt' })
  await expect(text).toHaveText('<b>Перелётные</b> birds')
  await boris.page.keyboard.press('Escape')
  await expect(boris.page.getByRole('button', { name: 'Save page.html' })).toBeVisible()
  await expect(boris.page.getByRole('button', { name: 'Look at page.html' })).toBeHidden()
})

test('a password is asked for, and only the right one opens', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  const chosen = await file('songs.bin', 1_000)
  const link = await anna.shareFiles([chosen.path], { password: 'swallow' })
  await boris.openLink(link)
  await boris.givePassword('sparrow')
  await expect(boris.page.getByText(/This password does not fit/)).toBeVisible()
  await boris.givePassword('swallow')
  await expect(boris.transferState('All here')).toBeVisible()
})

test('what is shared and got goes on after both have reloaded', async ({ person }) => {
  // Long enough to be paused before all of it is here.
  test.setTimeout(240_000)
  const anna = await person('Anna')
  const boris = await person('Boris')
  const chosen = await file('songs.bin', 60_000_000)
  const link = await anna.shareFiles([chosen.path])
  await boris.openLink(link)
  await expect(boris.transferState('Getting…')).toBeVisible()
  await boris.page.getByRole('button', { name: 'Pause' }).click()
  await expect(boris.transferState('Paused')).toBeVisible()
  await boris.context.addInitScript(downloadsOnly)
  await anna.page.reload()
  await boris.page.reload()
  await boris.page.getByRole('button', { name: 'Go on' }).click()
  await expect(boris.transferState('All here')).toBeVisible({ timeout: 90_000 })
  expect(sha256(await readFile(await boris.saveDownload('Save')))).toBe(chosen.sha256)
})

test('who has got it gives it on when who shared it is gone', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  const vera = await person('Vera')
  await vera.context.addInitScript(downloadsOnly)
  const chosen = await file('songs.bin', 2_000_000)
  await boris.openLink(await anna.shareFiles([chosen.path]))
  await expect(boris.transferState('All here')).toBeVisible()
  await anna.context.close()
  await boris.page.getByText('Pass it on').click()
  const passedOn = await boris.page.getByText('#/get/').textContent()
  await vera.openLink((passedOn ?? '').trim())
  await vera.page.reload()
  await expect(vera.transferState('All here')).toBeVisible({ timeout: 120_000 })
  expect(sha256(await readFile(await vera.saveDownload('Save')))).toBe(chosen.sha256)
})

test('a link leads to whoever has it by now, though it names only who shared it', async ({
  person,
}) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  const vera = await person('Vera')
  const chosen = await file('songs.bin', 2_000_000)
  const link = await anna.shareFiles([chosen.path])
  await boris.openLink(link)
  await expect(boris.transferState('All here')).toBeVisible()
  await anna.context.close()
  await vera.openLink(link)
  await expect(vera.transferState('All here')).toBeVisible({ timeout: 120_000 })
})

test('a copy at a relay makes a link work when who shared it is gone', async ({ person }) => {
  await using relay = await Relay.start('--max-copies-mib', '64')
  const anna = await person('Anna', { relay })
  const chosen = await file('songs.bin', 3_000_000)
  const link = await anna.shareFiles([chosen.path], { copy: true })
  await expect(anna.transferState('Kept at')).toBeVisible({ timeout: 120_000 })
  await anna.context.close()

  const boris = await person('Boris', { relay })
  await boris.context.addInitScript(downloadsOnly)
  await boris.openLink(link)
  await boris.page.reload()
  await expect(boris.transferState('All here')).toBeVisible({ timeout: 120_000 })
  expect(sha256(await readFile(await boris.saveDownload('Save')))).toBe(chosen.sha256)
})

test('a link that was taken back says so', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  const link = await anna.shareFiles([(await file('songs.bin', 1_000)).path])
  await anna.page.getByRole('button', { name: 'Take the link back…' }).click()
  await anna.page.getByRole('button', { name: 'Take it back', exact: true }).click()
  await expect(anna.transferState('Link taken back')).toBeVisible()
  await boris.openLink(link)
  await expect(boris.transferState('Link taken back')).toBeVisible()
})

test('a link that is taken back while somebody gets it stops at once, and says so', async ({
  person,
}) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  await boris.limitSpeed('Getting', '1 MB/s')
  await boris.openLink(await anna.shareFiles([(await file('songs.bin', 20_000_000)).path]))
  await expect(boris.page.getByText('of 20 MB here and checked')).toBeVisible()
  await anna.page.getByRole('button', { name: 'Take the link back…' }).click()
  await anna.page.getByRole('button', { name: 'Take it back', exact: true }).click()
  await expect(anna.transferPeople).toHaveCount(0)
  await expect(boris.transferState('Link taken back')).toBeVisible()
  await expect(boris.page.getByText(/does not give it any more/)).toBeVisible()
})

test('who has got it all hears at a relay that the link was taken back, and gives it to nobody', async ({
  person,
}) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  const vera = await person('Vera')
  const chosen = await file('songs.bin', 2_000_000)
  const link = await anna.shareFiles([chosen.path])
  await boris.openLink(link)
  await expect(boris.transferState('All here')).toBeVisible()
  await anna.page.getByRole('button', { name: 'Take the link back…' }).click()
  await anna.page.getByRole('button', { name: 'Take it back', exact: true }).click()
  await expect(anna.transferState('Link taken back')).toBeVisible()
  // He has all of it, and asks her for nothing. Relays are asked when Starling starts.
  await expect(async () => {
    await boris.page.reload()
    await expect(boris.page.getByText(/took the link back/)).toBeVisible({ timeout: 5_000 })
  }).toPass({ timeout: 120_000 })
  await expect(boris.transferState('All here')).toBeVisible()
  await expect(boris.page.getByText('Pass it on')).toBeHidden()
  await anna.context.close()
  await vera.openLink(link)
  await expect(vera.transferState('Link taken back')).toBeVisible()
  await expect(boris.transferPeople).toHaveCount(0)
  // What he has stays his.
  await expect(boris.page.getByRole('button', { name: 'Save', exact: true })).toBeVisible()
})

test('what is shared waits while it is paused, and goes on', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  const chosen = await file('songs.bin', 3_000_000)
  const link = await anna.shareFiles([chosen.path])
  await anna.page.getByRole('button', { name: 'Pause' }).click()
  await expect(anna.transferState('Paused')).toBeVisible()
  await boris.context.addInitScript(downloadsOnly)
  await boris.openLink(link)
  await boris.page.reload()
  await expect(anna.transferPeople).toHaveCount(1)
  await expect(anna.transferPeople).toContainText(/(?:given|has) 0%/)
  await anna.page.getByRole('button', { name: 'Go on' }).click()
  await expect(boris.transferState('All here')).toBeVisible({ timeout: 120_000 })
  expect(sha256(await readFile(await boris.saveDownload('Save')))).toBe(chosen.sha256)
})

test('who does not want to pass on what they got is asked for it in vain', async ({ person }) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  const vera = await person('Vera')
  await boris.choose('Others can get from me what I got by a link', 'No')
  const link = await anna.shareFiles([(await file('songs.bin', 2_000_000)).path])
  await boris.openLink(link)
  await expect(boris.transferState('All here')).toBeVisible()
  await anna.context.close()
  await boris.page.getByText('Pass it on').click()
  const passedOn = ((await boris.page.getByText('#/get/').textContent()) ?? '').trim()
  await vera.openLink(passedOn)
  await expect(vera.transferState('Looking for who has it…')).toBeVisible()
  const choice = boris.page.getByRole('group', { name: 'Others can get it from this device' })
  await choice.getByText('Yes').click()
  await vera.page.reload()
  await expect(vera.transferState('All here')).toBeVisible({ timeout: 120_000 })
})

test('a link for one person is used up for everybody else, also after reloads', async ({
  person,
}) => {
  test.slow()
  const anna = await person('Anna')
  const boris = await person('Boris')
  const vera = await person('Vera')
  const chosen = await file('songs.bin', 10_000_000)
  const link = await anna.shareFiles([chosen.path], { people: '1' })
  // He has some of it, so that it is he whom it is for, and needs Anna for the rest.
  await boris.limitSpeed('Getting', '1 MB/s')
  await boris.openLink(link)
  await expect(boris.page.getByText('of 10 MB here and checked')).toBeVisible()
  await boris.page.getByRole('button', { name: 'Pause' }).click()
  await expect(boris.transferState('Paused')).toBeVisible()

  await anna.page.reload()
  await vera.openLink(link)
  await expect(vera.transferState('Link used up')).toBeVisible()
  await expect(vera.page.getByText('As many people as it was for have got it.')).toBeVisible()

  await boris.context.addInitScript(downloadsOnly)
  await boris.page.reload()
  await boris.page.getByRole('button', { name: 'Go on' }).click()
  await expect(boris.transferState('All here')).toBeVisible({ timeout: 120_000 })
  expect(sha256(await readFile(await boris.saveDownload('Save')))).toBe(chosen.sha256)
})
