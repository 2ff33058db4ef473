import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { expect, test, type Person } from './fixtures.ts'

const standard = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/** Rules whose outcome the colours of a theme decide. */
const ofColours = ['color-contrast', 'link-in-text-block']

test('no screen has a fault axe can find', async ({ person, stranger }) => {
  test.slow()
  const newcomer = await stranger({ colorScheme: 'light', reducedMotion: 'reduce' })
  await expect(newcomer.page.getByLabel('What should others call you?')).toBeVisible()
  await expectNoFaults(newcomer, 'welcome')

  const anna = await person('Anna', { colorScheme: 'light', reducedMotion: 'reduce' })
  const boris = await person('Boris', { colorScheme: 'light', reducedMotion: 'reduce' })
  await boris.openLink(await anna.myLink())
  await expect(boris.page.getByRole('button', { name: /^Add/ })).toBeVisible()
  await expectNoFaults(boris, 'preview of a card')
  await boris.addPreviewed()
  await anna.goTo('Contacts')
  await expect(anna.request('Boris')).toBeVisible()
  await expectNoFaults(anna, 'contacts with a request')
  await anna.accept('Boris')

  await anna.openChat('Boris')
  await boris.openChat('Anna')
  await boris.write('hello https://example.org')
  await expect(anna.message('hello')).toBeVisible()
  await expectNoFaults(anna, 'conversation')
  await anna.goTo('Chats')
  await expectNoFaults(anna, 'chats')
  await anna.openMyCode()
  await expectNoFaults(anna, 'my code')
  await anna.openScan()
  await expectNoFaults(anna, 'scan')
  for (const screen of ['Files', 'Network', 'Settings'] as const) {
    await anna.goTo(screen)
    await expectNoFaults(anna, screen)
  }
})

test('nor has what is opened now and then', async ({ person }) => {
  test.slow()
  const anna = await person('Anna', { colorScheme: 'light', reducedMotion: 'reduce' })
  const boris = await person('Boris')
  await boris.meet(anna, { mine: 'Boris', theirs: 'Anna' })
  const { page } = anna
  const button = (name: string) => page.getByRole('button', { name, exact: true })

  await anna.openChat('Boris')
  await anna.write('the old bridge')
  await anna.chooseForMessage('the old bridge', 'Reply')
  await anna.write('at ten')
  await anna.message('at ten').locator('.bubble').click({ button: 'right' })
  await expectNoFaults(anna, 'menu of a message')
  for (const item of ['Message info', 'Forward…', 'Delete…']) {
    await page.keyboard.press('Escape')
    await anna.chooseForMessage('at ten', item)
    await expect(page.getByRole('dialog')).toBeVisible()
    await expectNoFaults(anna, item)
  }
  await page.keyboard.press('Escape')
  for (const item of ['Disappearing messages…', 'Mute…']) {
    await anna.chooseInChatMenu(item)
    await expectNoFaults(anna, item)
    await page.keyboard.press('Escape')
  }
  await anna.openSafetyWords('Boris')
  await expectNoFaults(anna, 'safety words')

  await anna.goTo('Settings')
  await button('Show the words…').click()
  await button('Show the words').click()
  await expectNoFaults(anna, 'recovery words')
  await button('I have them').click()
  await expectNoFaults(anna, 'recovery words to be written')
  await page.keyboard.press('Escape')
  await button('Make a backup…').click()
  await page.getByText('A password', { exact: true }).click()
  await expectNoFaults(anna, 'backup')
  await page.keyboard.press('Escape')
  await button('Set a passphrase…').click()
  await expectNoFaults(anna, 'passphrase to be set')
  await page.keyboard.press('Escape')
  await anna.setPassphrase('correct horse battery')
  await expectNoFaults(anna, 'settings with a passphrase')
  await anna.lock()
  await anna.unlock('not that')
  await expect(page.getByText('That is not the passphrase.')).toBeVisible()
  await expectNoFaults(anna, 'lock screen')
})

test('a name, a chat and a message by keyboard alone', async ({ stranger }) => {
  const anna = await stranger()
  const { keyboard } = anna.page
  await expect(anna.page.getByLabel('What should others call you?')).toBeVisible()

  await tabTo(anna, 'What should others call you?')
  await keyboard.press('ControlOrMeta+A')
  await keyboard.type('Anna')
  await keyboard.press('Enter')
  await expect(anna.navigation).toBeVisible()
  await anna.reload()
  await expect(anna.navigation).toBeVisible()
  await tabTo(anna, 'Skip to content')
  await keyboard.press('Enter')
  await expect(anna.page.getByRole('main')).toBeFocused()
  await tabTo(anna, 'Notes to self')
  await keyboard.press('Enter')
  await expect(anna.composer).toBeVisible()
  await tabTo(anna, 'Message to')
  await keyboard.type('typed')
  await keyboard.press('Enter')

  await expect(anna.message('typed')).toBeVisible()
})

test('no screen is larger than the window: only what is inside scrolls', async ({
  person,
  stranger,
}) => {
  test.slow()
  const viewport = { width: 320, height: 568 }
  const newcomer = await stranger({ viewport })
  await expect(newcomer.page.getByLabel('What should others call you?')).toBeVisible()
  await expectNoSidewaysScroll(newcomer, 'welcome')
  const boris = await person('Boris', { viewport })
  const anna = await person('A name of forty characters, no more than', { viewport })
  await anna.openLink(await boris.myLink())
  await anna.addPreviewed()

  await anna.goTo('Contacts')
  await anna.contact('Boris').click()
  await expect(anna.page.getByRole('link', { name: 'Compare safety words' })).toBeVisible()
  await expectToFit(anna, 'contact')
  for (const screen of ['Contacts', 'Files', 'Network', 'Settings', 'Chats'] as const) {
    await anna.goTo(screen)
    await expectToFit(anna, screen)
  }
  await anna.openMyCode()
  await expectToFit(anna, 'my code')
  await anna.openScan()
  await expectToFit(anna, 'scan')
  await anna.openChat('Notes to self')
  await anna.write('donaudampfschifffahrtsgesellschaftskapitänsmütze'.repeat(4))
  await expectToFit(anna, 'conversation')
  await anna.message('donau').click({ button: 'right' })
  await expect(anna.page.getByRole('menu')).toBeInViewport({ ratio: 1 })
  await expectNoSidewaysScroll(anna, 'menu of a message')
})

/** In both themes; leaves the light one. */
async function expectNoFaults({ page }: Person, place: string): Promise<void> {
  await expectNone(page, place, (axe) => axe.withTags(standard))
  await page.emulateMedia({ colorScheme: 'dark' })
  await expectNone(page, `${place}, dark`, (axe) => axe.withRules(ofColours))
  await page.emulateMedia({ colorScheme: 'light' })
}

/** Once everything stands: what fades in, or goes from one theme to the other, has colours of neither. */
async function expectNone(
  page: Page,
  place: string,
  choose: (axe: AxeBuilder) => AxeBuilder,
): Promise<void> {
  await page.waitForFunction(() =>
    document.getAnimations().every(({ playState }) => playState !== 'running'),
  )
  const { violations } = await choose(new AxeBuilder({ page })).analyze()
  const faults = violations.map(({ id, nodes }) => ({
    id,
    where: nodes.map(({ target, failureSummary }) => ({ target, failureSummary })),
  }))
  expect(faults, place).toEqual([])
}

async function expectNoSidewaysScroll({ page }: Person, place: string): Promise<void> {
  const { scrolled, shown } = await page.evaluate(() => ({
    scrolled: document.documentElement.scrollWidth,
    shown: document.documentElement.clientWidth,
  }))
  expect(scrolled, place).toBeLessThanOrEqual(shown)
}

/** At every size of the window; leaves a phone's. */
async function expectToFit(person: Person, place: string): Promise<void> {
  const { page } = person
  for (const [width, height] of [
    [1280, 400],
    [390, 664],
    [390, 844],
    [320, 568],
  ] as const) {
    await page.setViewportSize({ width, height })
    const at = `${place} at ${width}×${height}`
    await expectNoSidewaysScroll(person, at)
    expect(await page.evaluate(() => document.documentElement.scrollHeight), at).toBe(height)
  }
}

/** Presses Tab until the focus is on what is called `name`; it has to come by within 40 steps. */
async function tabTo({ page }: Person, name: string): Promise<void> {
  for (let step = 0; step < 40; step++) {
    const focused = page.locator(':focus')
    if ((await focused.count()) > 0) {
      const snapshot = await focused.ariaSnapshot()
      if (snapshot.split('\n')[0]!.includes(name)) return
    }
    await page.keyboard.press('Tab')
  }
  throw new Error(`${name} is not reached by Tab`)
}
