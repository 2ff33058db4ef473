import type { Page } from '@playwright/test'
import { Front } from '../support/front.ts'
import { expect, talkingFriends, test } from './fixtures.ts'

test('two tabs of one person show the same', async ({ person }) => {
  const anna = await person('Anna')
  const first = anna.page
  await anna.openChat('Notes to self')

  await anna.openTab()
  await anna.openChat('Notes to self')
  await anna.write('from the second tab')

  await expect(first.getByRole('article').filter({ hasText: 'from the second tab' })).toBeVisible()
})

test('when the tab that holds the connections closes, another goes on', async ({ person }) => {
  const [anna, boris] = await talkingFriends(person)
  const first = boris.page
  await expect(boris.presence('Direct')).toBeVisible()
  await boris.openTab()
  await boris.openChat('Anna')

  // Nobody knows whether the old host or the next one hears this first.
  await Promise.all([first.close(), boris.write('from the tab that is left')])

  await expect(anna.message('from the tab that is left')).toBeVisible()
  await expect(boris.presence('Direct')).toBeVisible()
  await anna.write('and back')
  await expect(boris.message('and back')).toBeVisible()
  for (const { page } of [anna, boris]) await expect(page.getByRole('article')).toHaveCount(2)
})

test('when the tab that holds the connections reloads, no message is lost', async ({ person }) => {
  const [anna, boris] = await talkingFriends(person)
  await boris.write('before')

  const reloaded = boris.reload()
  await anna.write('meanwhile')
  await reloaded

  await expect(boris.message('meanwhile')).toBeVisible()
  await expect(boris.page.getByRole('article')).toHaveCount(2)
})

test('after a deploy a stale tab loads the new version by itself', async ({ relay, person }) => {
  await using front = await Front.before(relay)
  // Without a service worker, so that each tab loads what is served at that moment.
  const anna = await person('Anna', { relay: front, serviceWorkers: 'block' })
  const stale = anna.page
  expect(await servedUnder(stale)).toBe('assets')

  front.deploy()
  await anna.openTab()

  expect(await servedUnder(anna.page)).toBe('next')
  await expect.poll(() => servedUnder(stale)).toBe('next')
  await expect(stale.getByRole('navigation', { name: 'Screens' })).toBeVisible()
})

test('after a deploy a stale tab in which something is typed asks first', async ({
  relay,
  person,
}) => {
  await using front = await Front.before(relay)
  const anna = await person('Anna', { relay: front, serviceWorkers: 'block' })
  await anna.openChat('Notes to self')
  await anna.composer.fill('half a thought')
  const stale = anna.page

  front.deploy()
  await anna.openTab()

  await expect(
    stale.getByText('A newer version of Starling is running in another tab.'),
  ).toBeVisible()
  await expect(stale.getByRole('textbox', { name: /^Message/ })).toHaveValue('half a thought')
  await stale.getByRole('button', { name: 'Reload' }).click()
  await expect.poll(() => servedUnder(stale)).toBe('next')
})

/** The folder of a page's script, which says which build it is. */
async function servedUnder(page: Page): Promise<string | undefined> {
  const source = await page.locator('script[type=module]').first().getAttribute('src')
  return source?.split('/')[1]
}
