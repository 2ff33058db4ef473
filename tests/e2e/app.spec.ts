import { Front } from '../support/front.ts'
import { expect, test } from './fixtures.ts'

test('the page can be installed', async ({ person }) => {
  const anna = await person('Anna')
  const session = await anna.context.newCDPSession(anna.page)
  await anna.page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })

  const { errors } = await session.send('Page.getAppManifest')
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors')

  expect(errors).toEqual([])
  // Tests run in private windows, where nothing is installed.
  expect(installabilityErrors.filter(({ errorId }) => errorId !== 'in-incognito')).toEqual([])
})

test('a new version waits until the person wants it', async ({ relay, person }) => {
  await using front = await Front.before(relay)
  const anna = await person('Anna', { relay: front })
  await anna.page.evaluate(async () => {
    await navigator.serviceWorker.ready
  })
  await anna.openChat('Notes to self')
  await anna.composer.fill('half a thought')

  front.deploy()
  await anna.page.evaluate(async () => {
    await (await navigator.serviceWorker.ready).update()
  })

  await expect(anna.page.getByText('A new version of Starling is ready.')).toBeVisible()
  await expect(anna.composer).toHaveValue('half a thought')
  await anna.page.getByRole('button', { name: 'Reload' }).click()
  await expect(anna.page.locator('script[type=module]').first()).toHaveAttribute('src', /^\/next\//)
  await expect(anna.composer).toHaveValue('half a thought')
})

test('on a phone back goes to where the person was, and closes a dialog first', async ({
  person,
  relay,
}) => {
  const anna = await person('Anna', { viewport: { width: 390, height: 844 } })
  const boris = await person('Boris')
  await anna.openLink(await boris.myLink())
  await anna.addPreviewed()
  await anna.openChat('Boris')
  const { page } = anna
  await anna.chooseInChatMenu('Contact details')
  await expect(page.getByRole('link', { name: 'Compare safety words' })).toBeVisible()

  await page.getByRole('link', { name: /^Back/ }).click()
  await expect(anna.composer).toBeVisible()
  await anna.chooseInChatMenu('Block')
  await expect(page.getByRole('dialog')).toBeVisible()
  await page.goBack()
  await expect(page.getByRole('dialog')).toBeHidden()
  await expect(anna.composer).toBeVisible()
  await page.goBack()
  await expect(anna.navigation.locator('[aria-current=page]', { hasText: 'Chats' })).toBeVisible()

  // Who comes straight to a screen goes to the one above it, and stays in the app.
  await page.goto('about:blank')
  await page.goto(`${relay.origin}/#/contacts/scan`)
  await page.getByRole('link', { name: /^Back/ }).click()
  await expect(page.getByRole('heading', { name: 'Contacts' })).toBeVisible()
})

test('after “erase everything” nothing is left of anybody', async ({ person }) => {
  const anna = await person('Anna')
  await anna.openChat('Notes to self')
  await anna.write('to be forgotten')
  await anna.goTo('Settings')

  await anna.page.getByRole('button', { name: 'Erase everything…' }).click()
  await anna.page.getByLabel('Type “erase” to confirm').fill('erase')
  await anna.page.getByRole('button', { name: 'Erase for good' }).click()

  await expect(anna.page.getByLabel('What should others call you?')).toBeVisible()
  await anna.start('Nobody')
  await anna.openChat('Notes to self')
  await expect(anna.page.getByText('to be forgotten')).toBeHidden()
})

test('a chosen theme is there from the first frame', async ({ person }) => {
  const anna = await person('Anna')
  await anna.goTo('Settings')

  await anna.page.getByText('Dark', { exact: true }).click()
  await expect(anna.page.locator('html')).toHaveAttribute('data-theme', 'dark')
  await anna.reload()

  await expect(anna.page.locator('html')).toHaveAttribute('data-theme', 'dark')
  await expect(anna.page.getByRole('radio', { name: 'Dark' })).toBeChecked()
})
