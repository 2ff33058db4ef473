/**
 * Draws the PNG icons of public/icons from public/icon.svg: `npm run icons`, after a change of the mark. The results
 * are kept in the repository, so a build needs no browser.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { chromium } from 'playwright'
import { ensureChromium } from './browser.ts'

interface Icon {
  file: string
  sizePx: number
  /** The mark's share of the width. A maskable icon may be cut to the circle of 80 %. */
  share: number
  /** iOS and masks want a ground; elsewhere a rounded tile looks at home. */
  ground: 'square' | 'tile'
}

const ICONS: readonly Icon[] = [
  { file: 'any-192.png', sizePx: 192, share: 0.9, ground: 'tile' },
  { file: 'any-512.png', sizePx: 512, share: 0.9, ground: 'tile' },
  { file: 'maskable-192.png', sizePx: 192, share: 0.62, ground: 'square' },
  { file: 'maskable-512.png', sizePx: 512, share: 0.62, ground: 'square' },
  { file: 'apple-touch-icon.png', sizePx: 180, share: 0.72, ground: 'square' },
]

const folder = new URL('../public/icons/', import.meta.url)
const mark = await readFile(new URL('../public/icon.svg', import.meta.url), 'utf8')

await mkdir(folder, { recursive: true })
const browser = await chromium.launch({
  executablePath: await ensureChromium(),
  args: ['--no-sandbox'],
})
try {
  const page = await browser.newPage({ colorScheme: 'dark' })
  for (const { file, sizePx, share, ground } of ICONS) {
    await page.setViewportSize({ width: sizePx, height: sizePx })
    await page.setContent(`<style>
      body { margin: 0 }
      div { height: 100vh; display: grid; place-items: center; background: #0d2a30;
        border-radius: ${ground === 'tile' ? '22%' : '0'} }
      svg { width: ${share * 100}%; height: ${share * 100}% }
    </style><div>${mark}</div>`)
    const png = await page.screenshot({ omitBackground: true })
    await writeFile(new URL(file, folder), png)
  }
} finally {
  await browser.close()
}
