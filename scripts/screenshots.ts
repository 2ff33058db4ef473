/**
 * Takes the pictures of the README (docs/images) and of the manifest (public/screenshots) from the workbench:
 * `npm run screenshots`, after the screens changed; `-- --only TEXT` takes those with the text in their name. The results
 * are kept in the repository.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { chromium, type Page } from 'playwright'
import { build, preview } from 'vite'
import { ensureChromium } from './browser.ts'

const ROOT = join(import.meta.dirname, '..')
const PHONE = { width: 390, height: 844, scale: 2 }

/** For the small pictures in a row of docs/SCREENS.md. */
const SMALL_PHONE = { ...PHONE, scale: 1 }
const DESKTOP = { width: 1280, height: 800, scale: 1 }

interface Picture {
  file: string
  screen: { width: number; height: number; scale: number }
  theme: 'light' | 'dark'
  language: 'en' | 'ru'
  /** Query and fragment of the workbench. */
  address: string
  /** What is done before the picture is taken. */
  prepare?: (page: Page) => Promise<void>
}

const openAnna = async (page: Page) => {
  await page
    .locator('a[href^="#/chat/"]')
    .filter({ hasText: /Anna|Анна/ })
    .click()
  await page.getByRole('article').first().waitFor()
}

const PICTURES: readonly Picture[] = [
  {
    file: 'docs/images/welcome.png',
    screen: DESKTOP,
    theme: 'light',
    language: 'en',
    address: '?visitor=new',
  },
  {
    file: 'docs/images/chats.png',
    screen: DESKTOP,
    theme: 'light',
    language: 'en',
    address: '#/',
    prepare: openAnna,
  },
  {
    file: 'docs/images/chats-dark.png',
    screen: DESKTOP,
    theme: 'dark',
    language: 'ru',
    address: '#/',
    prepare: openAnna,
  },
  {
    file: 'docs/images/network-dark.png',
    screen: DESKTOP,
    theme: 'dark',
    language: 'en',
    address: '#/network',
  },
  {
    file: 'docs/images/conversation-phone.png',
    screen: PHONE,
    theme: 'light',
    language: 'en',
    address: '#/',
    prepare: openAnna,
  },
  {
    file: 'docs/images/chats-phone.png',
    screen: PHONE,
    theme: 'dark',
    language: 'en',
    address: '#/',
  },
  {
    file: 'docs/images/settings-phone.png',
    screen: PHONE,
    theme: 'light',
    language: 'ru',
    address: '#/settings',
  },
  {
    file: 'docs/images/locked-phone.png',
    screen: SMALL_PHONE,
    theme: 'light',
    language: 'en',
    address: '?vault=locked',
  },
  {
    file: 'docs/images/restore-phone.png',
    screen: SMALL_PHONE,
    theme: 'light',
    language: 'ru',
    address: '?visitor=new',
    prepare: (page) => page.getByText('У меня есть копия').click(),
  },
  {
    file: 'docs/images/words-phone.png',
    screen: SMALL_PHONE,
    theme: 'dark',
    language: 'en',
    address: '#/settings/recovery',
    async prepare(page) {
      await page.getByRole('button', { name: 'Show the words…' }).click()
      await page.getByRole('button', { name: 'Show the words', exact: true }).click()
      await page.getByRole('dialog').getByRole('listitem').first().waitFor()
    },
  },
  {
    file: 'docs/images/verifying-phone.png',
    screen: SMALL_PHONE,
    theme: 'light',
    language: 'en',
    address: '#/contacts',
    async prepare(page) {
      await page.getByRole('link', { name: 'Anna Kovaleva' }).click()
      await page.getByRole('link', { name: 'Compare safety words' }).click()
      await page.getByRole('list', { name: 'Safety words' }).waitFor()
    },
  },
  {
    file: 'docs/images/message-info-phone.png',
    screen: SMALL_PHONE,
    theme: 'light',
    language: 'en',
    address: '#/',
    async prepare(page) {
      await openAnna(page)
      const mine = page.getByRole('article').filter({ hasText: 'I get there at half past' })
      await mine.locator('.bubble').click({ button: 'right' })
      await page.getByRole('menuitem', { name: 'Message info' }).click()
    },
  },
  {
    file: 'docs/images/requests-phone.png',
    screen: SMALL_PHONE,
    theme: 'light',
    language: 'ru',
    address: '#/contacts',
  },
  {
    file: 'public/screenshots/chats-phone.png',
    screen: PHONE,
    theme: 'light',
    language: 'en',
    address: '#/',
  },
  {
    file: 'public/screenshots/conversation-phone.png',
    screen: PHONE,
    theme: 'light',
    language: 'en',
    address: '#/',
    prepare: openAnna,
  },
  {
    file: 'public/screenshots/chats-desktop.png',
    screen: DESKTOP,
    theme: 'light',
    language: 'en',
    address: '#/',
    prepare: openAnna,
  },
]

const { only = '' } = parseArgs({ options: { only: { type: 'string' } } }).values

const outDir = await mkdtemp(join(tmpdir(), 'starling-workbench-'))
const workbench = {
  configFile: join(ROOT, 'tests/fixtures/workbench/vite.config.ts'),
  logLevel: 'error',
  build: { outDir, emptyOutDir: true },
} as const
await build(workbench)
const server = await preview({ ...workbench, preview: { port: 0 } })
const browser = await chromium.launch({
  executablePath: await ensureChromium(),
  args: ['--no-sandbox'],
})
try {
  const origin = server.resolvedUrls!.local[0]!
  for (const { file, screen, theme, language, address, prepare } of PICTURES.filter(({ file }) =>
    file.includes(only),
  )) {
    const context = await browser.newContext({
      viewport: { width: screen.width, height: screen.height },
      deviceScaleFactor: screen.scale,
      locale: language === 'en' ? 'en-GB' : 'ru-RU',
      // Pictures are taken of what stands still.
      reducedMotion: 'reduce',
    })
    const page = await context.newPage()
    const url = new URL(address, origin)
    url.searchParams.set('theme', theme)
    url.searchParams.set('language', language)
    await page.goto(url.href)
    await page.getByRole('heading', { level: 1 }).first().waitFor()
    await prepare?.(page)
    await page.evaluate(() => document.fonts.ready)
    await page.waitForLoadState('networkidle')
    await mkdir(dirname(join(ROOT, file)), { recursive: true })
    await page.screenshot({ path: join(ROOT, file), animations: 'disabled' })
    await context.close()
  }
} finally {
  await browser.close()
  await server.close()
  await rm(outDir, { recursive: true })
}
