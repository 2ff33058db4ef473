import { readFile } from 'node:fs/promises'
import type { Download, Page } from 'playwright'
import { downloadsOnly, onIphone } from '../support/page-scripts.ts'
import { expect, test } from './fixtures.ts'

/** The recovery words, shown and then asked for. */
async function writeDownWords(page: Page): Promise<string[]> {
  await page.getByRole('button', { name: 'Show the words…' }).click()
  await page.getByRole('button', { name: 'Show the words', exact: true }).click()
  const list = page.getByRole('dialog').getByRole('listitem')
  await expect(list).toHaveCount(24)
  const words = (await list.allTextContents()).map((text) => text.replace(/\d/g, '').trim())
  await page.getByRole('button', { name: 'I have them' }).click()
  await page.getByRole('button', { name: 'Check', exact: true }).click()
  await expect(page.getByText('Type this word.')).toHaveCount(3)
  await page
    .getByLabel(/^Word \d+$/)
    .first()
    .fill('starling')
  await page.getByRole('button', { name: 'Check', exact: true }).click()
  await expect(page.getByText('That is another word.')).toBeVisible()
  for (const field of await page.getByLabel(/^Word \d+$/).all()) {
    const label = await field.evaluate((input: HTMLInputElement) => input.labels?.[0]?.textContent)
    await field.fill(words[Number(/\d+/.exec(label ?? '')![0]) - 1]!)
  }
  await page.getByRole('button', { name: 'Check', exact: true }).click()
  await expect(page.getByText('Your recovery words are right.')).toBeVisible()
  return words
}

async function bytesOf(download: Download): Promise<Buffer> {
  return readFile(await download.path())
}

async function chooseBackup(page: Page, buffer: Buffer): Promise<void> {
  const file = { name: 'my.starling-backup', mimeType: 'application/octet-stream', buffer }
  await page.locator('input[type=file]').setInputFiles(file)
}

test('a backup brings everything back in another browser, and the conversation goes on', async ({
  person,
  stranger,
}) => {
  const anna = await person('Anna')
  const boris = await person('Boris')
  await anna.meet(boris, { mine: 'Anna', theirs: 'Boris' })
  await anna.openChat('Boris')
  await anna.write('Before the backup')
  await boris.openChat('Anna')
  await boris.write('Heard')
  await expect(anna.message('Heard')).toBeVisible()

  await anna.page.getByRole('link', { name: 'Show how' }).click()
  await expect(anna.page.getByRole('heading', { name: 'Recovery words' })).toBeInViewport()
  await anna.page.evaluate(downloadsOnly)
  const words = await writeDownWords(anna.page)
  await expect(anna.page.getByText('You showed that you have them')).toBeVisible()
  await anna.page.getByRole('button', { name: 'Make a backup…' }).click()
  const downloading = anna.page.waitForEvent('download')
  await anna.page.getByRole('button', { name: 'Save the file' }).click()
  const download = await downloading
  expect(download.suggestedFilename()).toMatch(/^Starling \d{4}-\d\d-\d\d\.starling-backup$/)
  const backup = await bytesOf(download)
  await expect(anna.page.getByText(/^Last backup: /)).toBeVisible()

  await boris.write('Said after the backup')
  await anna.openChat('Boris')
  await expect(anna.message('Said after the backup')).toBeVisible()
  await anna.write('Only Boris has this')
  await expect(boris.message('Only Boris has this')).toBeVisible()
  await anna.leave()

  const again = await stranger()
  const { page } = again
  await page.getByText('I have a backup or recovery words').click()
  await chooseBackup(page, Buffer.from('GIF89a'))
  await expect(page.getByText('This file is no backup of Starling.')).toBeVisible()
  await chooseBackup(page, backup.subarray(0, -1))
  await page.getByLabel('Your 24 recovery words').fill(words.slice(1).join(' '))
  await page.getByRole('button', { name: 'Come back' }).click()
  await expect(page.getByText('There must be 24 words; these are 23.')).toBeVisible()
  await page.getByLabel('Your 24 recovery words').fill(words.join('\n'))
  await page.getByRole('button', { name: 'Come back' }).click()
  await expect(page.getByText('The end of this file is missing.')).toBeVisible()
  await chooseBackup(page, backup)
  await page.getByRole('button', { name: 'Come back' }).click()
  await again.navigation.waitFor()

  await again.openChat('Boris')
  await expect(again.message('Before the backup')).toBeVisible()
  await expect(again.message('Said after the backup')).toBeVisible()
  await again.write('Here I am again')
  await expect(boris.message('Here I am again')).toBeVisible()
  await boris.write('Welcome back')
  await expect(again.message('Welcome back')).toBeVisible()
  await expect(boris.message('Before the backup')).toHaveCount(1)
  await again.goTo('Settings')
  await expect(page.getByText('Anna').first()).toBeVisible()

  anna.page = await anna.context.newPage()
  await anna.page.goto(anna.origin)
  await expect(
    anna.page.getByRole('heading', { name: 'You have moved to another device' }),
  ).toBeVisible()
  await expect(anna.navigation).toBeHidden()
})

test('what Safari keeps is taken along into the app on the Home Screen', async ({ stranger }) => {
  const safari = await stranger()
  await safari.context.addInitScript(onIphone, false)
  await safari.reload()
  await safari.start('Vera')
  await safari.openChat('Notes to self')
  await safari.write('Milk')
  await safari.goTo('Settings')
  await safari.page.evaluate(downloadsOnly)
  await safari.page.getByRole('button', { name: 'Take along…' }).click()
  const code = await safari.page.getByText(/^[a-z]+( [a-z]+){5}$/).textContent()
  const downloading = safari.page.waitForEvent('download')
  await safari.page.getByRole('button', { name: 'Save the file' }).click()
  const backup = await bytesOf(await downloading)

  const app = await stranger()
  await app.context.addInitScript(onIphone, true)
  await app.reload()
  await expect(app.page.getByText('Do you use Starling in Safari already?')).toBeVisible()
  await app.page.getByText('Words alone').click()
  await app.page.getByRole('button', { name: 'Come back' }).click()
  await expect(app.page.getByText('There must be 24 words')).toBeVisible()
  await app.page.getByText('A backup file').click()
  await chooseBackup(app.page, backup)
  await app.page.getByRole('button', { name: 'Come back' }).click()
  await expect(app.page.getByText('Enter the password this backup was made with')).toBeVisible()
  await app.page.getByLabel('Password or code of this backup').fill('not the code')
  await app.page.getByRole('button', { name: 'Come back' }).click()
  await expect(app.page.getByText('This password does not open the backup.')).toBeVisible()
  await app.page.getByLabel('Password or code of this backup').fill(code!.toUpperCase())
  await app.page.getByRole('button', { name: 'Come back' }).click()
  await app.navigation.waitFor()
  await app.openChat('Notes to self')
  await expect(app.message('Milk')).toBeVisible()
})

test('all recovery words come on the paper', async ({ person }) => {
  const anna = await person('Anna')
  const { page } = anna
  await anna.goTo('Settings')
  await page.getByRole('button', { name: 'Show the words…' }).click()
  await page.getByRole('button', { name: 'Show the words', exact: true }).click()
  const words = page.getByRole('dialog').getByRole('listitem')
  await expect(words).toHaveCount(24)
  const expected = await words.allTextContents()
  await page.evaluate(() => {
    window.print = () => undefined
  })

  await page.getByRole('button', { name: 'Print' }).click()
  await page.emulateMedia({ media: 'print' })

  const printed = page.locator('li:visible')
  expect(await printed.allTextContents()).toEqual(expected)
  for (const word of await printed.all()) await expect(word).toBeInViewport({ ratio: 1 })
  await page.evaluate(() => dispatchEvent(new Event('afterprint')))
  await expect(page.locator('body > .words-sheet')).toHaveCount(0)
})

test('on a telephone the way back is seen whole when it opens, and starting anew steps back', async ({
  stranger,
}) => {
  const { page } = await stranger()
  await page.setViewportSize({ width: 390, height: 844 })
  const start = page.getByRole('button', { name: 'Start', exact: true })
  await expect(start).toHaveClass(/primary/)
  await page.getByText('I have a backup or recovery words').click()
  const choose = page.getByRole('button', { name: 'Choose the file' })
  await expect(choose).toBeInViewport({ ratio: 1 })
  await expect(choose).toHaveClass(/primary/)
  await expect(start).toHaveClass(/quiet/)
})

test('the words alone bring back who one is', async ({ person, stranger }) => {
  const anna = await person('Anna')
  await anna.goTo('Settings')
  const words = await writeDownWords(anna.page)
  const id = await anna.page.locator('.code').first().textContent()
  await anna.context.close()

  const again = await stranger()
  const { page } = again
  await page.getByText('I have a backup or recovery words').click()
  await page.getByText('Words alone').click()
  const misspelt = [...words.slice(0, 4), `${words[4]}x`, ...words.slice(5)]
  await page.getByLabel('Your 24 recovery words').fill(misspelt.join(' '))
  await page.getByLabel('What should others call you?').last().fill('Anna again')
  await page.getByRole('button', { name: 'Come back' }).click()
  await expect(page.getByText(`Did you mean “${words[4]}”?`)).toBeVisible()
  await page.getByLabel('Your 24 recovery words').fill(words.join(' '))
  await page.getByRole('button', { name: 'Come back' }).click()
  await again.navigation.waitFor()
  await again.goTo('Settings')
  await expect(page.locator('.code').first()).toHaveText(id!)
})
