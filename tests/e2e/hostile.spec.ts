import type { Locator, Page } from 'playwright'
import { EXECUTED, HOSTILE_TEXTS } from '../fixtures/hostile-texts.ts'
import { cardSaying, HostilePeer } from '../support/hostile-peer.ts'
import { findMixedTexts, watchForCode } from '../support/page-scripts.ts'
import { picture } from '../support/pictures.ts'
import { expect, friends, test, type Person } from './fixtures.ts'

/** Names that a person's own Starling would never give them: within what a card has room for. */
const NAMES = [
  `<img src=x onerror=globalThis.${EXECUTED}=1>`,
  `"><script>globalThis.${EXECUTED}=1</script>`,
  'Anna\u202e)gnp.exe',
  '\u2067\u2066Ben\u202a\u202b',
  'A\u200bn\u2060n\ufeffa',
  `Z${'\u0301'.repeat(50)}`,
  `\${globalThis.${EXECUTED}=1}{{7*7}}{@html '<b>'}`,
  'javascript:alert(1)',
  'ﷺﷺﷺﷺﷺﷺﷺﷺ',
  '..\\..\\CON.txt\u0000',
]

/** Nothing ran, asked, or was even tried: markup is nowhere made of text that would have to be stopped. */
async function expectNothingRan(person: Person, said: readonly string[]): Promise<void> {
  for (const page of person.context.pages()) {
    expect(await page.evaluate((name) => name in globalThis, EXECUTED)).toBe(false)
    expect(await page.evaluate(() => window.violations)).toEqual([])
    expect(await page.evaluate(findMixedTexts)).toEqual([])
  }
  expect(said).toEqual([])
}

/** Whatever a page says that it should not: dialogs, errors, windows that open. */
function listen(page: Page): string[] {
  const said: string[] = []
  page.on('dialog', (dialog) => {
    said.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('popup', (popup) => said.push(`popup: ${popup.url()}`))
  page.on('pageerror', (error) => said.push(`error: ${error.message}`))
  page.on('console', (message) => {
    if (message.type() === 'error') said.push(`console: ${message.text()}`)
  })
  return said
}

// It scrolls through all of it, on a machine that may be busy.
test.setTimeout(240_000)

test('hostile names of files are only text', async ({ person }) => {
  const [anna, mallory] = await friends(person)
  await anna.page.addInitScript(watchForCode)
  await anna.reload()
  const said = listen(anna.page)
  const files = [
    `<img src=x onerror=globalThis.${EXECUTED}=1>.txt`,
    `"><script>globalThis.${EXECUTED}=1<!--.txt`,
    `javascript:globalThis.${EXECUTED}=1.txt`,
    'photo\u202egnp.txt',
    `\${globalThis.${EXECUTED}=1}{{7*7}}.txt`,
  ].map((name) => ({ name, mimeType: 'text/plain', buffer: Buffer.from(name) }))

  await mallory.openChat('Anna')
  await mallory.attach(files)
  await mallory.pressSend()
  await anna.openChat('Boris')
  await expect(anna.message('.txt')).toHaveCount(files.length)
  await expectNothingRan(anna, said)

  await anna.openLink(await mallory.shareFiles(files))
  await expect(anna.transferState('All here')).toBeVisible()
  await expect(anna.page.getByRole('button', { name: /^Save .*txt/ })).toHaveCount(files.length)
  await expectNothingRan(anna, said)
})

test('a hostile file that is looked at runs nothing, in a frame without an origin, also without a network', async ({
  person,
  ownRelay: relay,
}) => {
  const mallory = await person('Mallory', { relay })
  const anna = await person('Anna', { relay })
  await anna.page.addInitScript(watchForCode)
  await anna.reload()
  const said = listen(anna.page)
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" onload="top.${EXECUTED}=1"><script>top.${EXECUTED}=1</script></svg>`
  const html = `<script>top.${EXECUTED}=1</script><img src=x onerror="top.${EXECUTED}=1">`
  const photo = await picture(mallory.page, { width: 40, height: 30 })
  const files = [
    { name: 'photo.jpg', mimeType: 'image/jpeg', buffer: photo },
    { name: 'drawing.png', mimeType: 'image/png', buffer: Buffer.from(svg) },
    { name: 'film.mp4', mimeType: 'video/mp4', buffer: Buffer.from(html) },
    { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from(html) },
    { name: 'page.html', mimeType: 'text/html', buffer: Buffer.from(html) },
  ]
  await anna.openLink(await mallory.shareFiles(files))
  await expect(anna.transferState('All here')).toBeVisible()

  const { page } = anna
  const open = async (name: string) => {
    await page.getByRole('button', { name: `Look at ${name}` }).click()
    return page.getByRole('dialog', { name })
  }
  const close = async (dialog: Locator) => {
    await page.keyboard.press('Escape')
    await expect(dialog).toBeHidden()
  }
  const openPhoto = async () => {
    const dialog = await open('photo.jpg')
    const image = dialog.frameLocator('iframe').getByRole('img', { name: 'photo.jpg' })
    await expect(image).toHaveJSProperty('naturalWidth', 40)
    return { dialog, image }
  }
  const { dialog: shown, image } = await openPhoto()
  // The page hears of a key that is pressed in the frame.
  await image.click()
  await close(shown)

  for (const name of ['drawing.png', 'film.mp4']) {
    const dialog = await open(name)
    await expect(dialog.getByRole('alert')).toHaveText(/cannot be shown here/)
    await close(dialog)
  }
  const text = await open('notes.txt')
  await expect(text.frameLocator('iframe').getByRole('region', { name: 'notes.txt' })).toHaveText(
    html,
  )
  await close(text)
  await expect(page.getByRole('button', { name: 'Look at page.html' })).toBeHidden()
  await expectNothingRan(anna, said)

  await page.waitForFunction(() => navigator.serviceWorker.controller !== null)
  await relay.kill()
  const again = await openPhoto()
  const frame = page.frames().find((each) => each !== page.mainFrame())!
  expect(await frame.evaluate(reach)).toEqual([])
  await close(again.dialog)
})

/** What of the page a script could get hold of, were there one in the frame in which files are shown. */
async function reach(): Promise<string[]> {
  const ways: Record<string, () => unknown> = {
    origin: () => {
      if (self.origin === 'null') throw new Error('none')
    },
    page: () => parent.document,
    storage: () => localStorage,
    cookies: () => document.cookie,
    database: () => indexedDB.open('starling'),
    files: () => navigator.storage.getDirectory(),
    caches: () => caches.keys(),
    workers: () => new SharedWorker('data:text/javascript,'),
    network: () => fetch('https://example.org', { mode: 'no-cors' }),
    window: () => {
      if (open('about:blank') === null) throw new Error('none')
    },
    markup: () => {
      document.body.innerHTML += '<script>0</script>'
    },
  }
  const reached: string[] = []
  for (const [name, attempt] of Object.entries(ways)) {
    try {
      await attempt()
      reached.push(name)
    } catch {
      // As it should be.
    }
  }
  return reached
}

test('hostile names, messages, answers and reactions are only text', async ({
  person,
  ownRelay: relay,
}) => {
  await using mallory = await HostilePeer.start(relay, 'Mallory')
  const anna = await person('Anna', { relay })
  await anna.page.addInitScript(watchForCode)
  await anna.reload()
  const said = listen(anna.page)

  await anna.openLink(`${relay.origin}/${await mallory.fragment()}`)
  await anna.addPreviewed()
  const peer = await asker(mallory)
  await mallory.contacts.accept(peer)
  await anna.openChat('Mallory')

  let before = await mallory.chat.send(peer, 'first', 'first')
  for (const [index, { text }] of HOSTILE_TEXTS.entries()) {
    // How long one may be, the unit tests see.
    const short = text.slice(-300)
    before = await mallory.chat.send(peer, short, `text ${index}`, { reply: before })
    await mallory.chat.react(peer, before, '👩‍👩‍👧‍👦')
  }
  await mallory.chat.edit(peer, before, `edited \u202e<svg onload=globalThis.${EXECUTED}=1>`)
  await mallory.chat.send(peer, 'the end', 'end')
  await expect(anna.chat('Mallory')).toContainText('the end')
  await turnWheelTo(anna, anna.message('the end'), 900)

  // Up through all of it: only what is near the window is in the page.
  const links = new Set<string>()
  for (;;) {
    await expectNothingRan(anna, said)
    const found = await anna.page
      .locator('article a')
      .evaluateAll((all) =>
        all.map((link) => [link.getAttribute('href'), link.getAttribute('rel')]),
      )
    for (const [href, rel] of found) {
      links.add(href ?? '')
      expect(rel).toContain('noopener')
    }
    if (await anna.message('first').first().isVisible()) break
    await turnWheel(anna, -600)
  }
  expect(links.size).toBeGreaterThan(2)
  for (const link of links) expect(link).toMatch(/^(?:https?:\/\/|mailto:|#|\/)/)
  await anna.goTo('Chats')
  await expectNothingRan(anna, said)
})

test('a hostile name is cleaned wherever it is shown', async ({ person, ownRelay: relay }) => {
  const anna = await person('Anna', { relay })
  await anna.page.addInitScript(watchForCode)
  await anna.reload()
  const said = listen(anna.page)
  for (const [index, name] of NAMES.entries()) {
    await anna.openLink(`${relay.origin}/${await cardSaying(20 + index, name)}`)
    await anna.addPreviewed()
    await expectNothingRan(anna, said)
  }
  for (const screen of ['Contacts', 'Chats', 'Network'] as const) {
    await anna.goTo(screen)
    await expectNothingRan(anna, said)
    const shown = await anna.page.locator('body').innerText()
    expect(shown).not.toMatch(/[\u202a-\u202e\u2066-\u2069\u200b\u2060\ufeff]/u)
  }
  await anna.goTo('Contacts')
  await expect(anna.page.getByRole('main')).toContainText('<img src=x onerror=')
})

async function turnWheelTo(person: Person, place: Locator, pixels: number): Promise<void> {
  while (!(await place.isVisible())) await turnWheel(person, pixels)
}

async function turnWheel({ page }: Person, pixels: number): Promise<void> {
  await page.mouse.move(800, 300)
  await page.mouse.wheel(0, pixels)
  await page.evaluate(() => new Promise(requestAnimationFrame))
}

/** Who has asked to be a contact. */
async function asker({ contacts }: HostilePeer) {
  for await (const [request] of contacts.watchRequests()) {
    if (request !== undefined) return request.peer
  }
  throw new Error('the requests ended')
}
