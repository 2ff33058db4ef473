import { createHash, randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { streamsOnly } from '../support/page-scripts.ts'
import { PeerProcess } from '../support/peer.ts'
import { picture } from '../support/pictures.ts'
import { Relay } from '../support/relay.ts'
import { anna as annaIn, converse } from './conversation.ts'
import { Firefox } from './firefox.ts'

test('Chromium and Firefox talk directly', async () => {
  await using relay = await Relay.start()
  await using anna = await annaIn(relay)
  await using wanda = await Firefox.start()

  await converse(anna, wanda)

  await anna.presence('Direct').waitFor()
  await wanda.sees('Direct')
  const before = await anna.directBytes()
  await anna.write('straight to you '.repeat(200).trim())
  await wanda.sees('straight to you straight to you')
  await expect.poll(async () => (await anna.directBytes()).sent - before.sent).toBeGreaterThan(3000)
})

test('Firefox reaches a relay by WebTransport', async () => {
  await using relay = await Relay.start('--webtransport', '0')
  await relay.webTransport()
  await using wanda = await Firefox.start()
  await wanda.open(relay.origin)
  await wanda.start('Wanda')
  await wanda.press('link', 'Network')
  await wanda.press('button', 'Check')
  await wanda.sees('Everything gets through.')
  expect(await wanda.text()).toMatch(/WebTransport\s*Works, /)
})

test('what Firefox got is downloaded from the service worker, piece by piece', async () => {
  await using relay = await Relay.start()
  await using shelf = await PeerProcess.start(relay, 'Shelf')
  await using wanda = await Firefox.start()
  const chosen = randomBytes(20_000_000)
  const path = join(shelf.dataFolder, 'songs.bin')
  await writeFile(path, chosen)
  await shelf.ask({ type: 'share', paths: [path] })
  const { link } = await shelf.event('transfer', (event) => event.link !== null)
  await wanda.open(relay.origin)
  await wanda.start('Wanda')

  await wanda.open(link!)
  await wanda.sees('All here')
  await wanda.run(streamsOnly)
  await wanda.press('button', 'Save')
  await wanda.sees('Saved.')

  const saved = (): Promise<string> =>
    readFile(join(wanda.downloads, 'songs.bin')).then(sha256, () => 'nothing')
  await expect.poll(saved, { timeout: 30_000 }).toBe(sha256(chosen))
})

test('what Firefox looks at is in a frame without an origin, also without a network', async () => {
  await using relay = await Relay.start()
  await using anna = await annaIn(relay)
  await using wanda = await Firefox.start()
  const photo = await picture(anna.page, { width: 40, height: 30 })
  const link = await anna.shareFiles([
    { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('<b>birds</b>') },
    { name: 'photo.jpg', mimeType: 'image/jpeg', buffer: photo },
  ])
  await wanda.open(relay.origin)
  await wanda.start('Wanda')
  await wanda.open(link)
  await wanda.sees('All here')
  await wanda.run(async () => {
    await navigator.serviceWorker.ready
  })
  await relay.kill()

  await wanda.press('button', 'Look at notes.txt')
  await expect
    .poll(() => wanda.frame())
    .toEqual({ origin: 'null', text: '<b>birds</b>', pictureWidth: 0 })
  await wanda.press('button', 'Close')
  await wanda.press('button', 'Look at photo.jpg')
  await expect.poll(() => wanda.frame()).toEqual({ origin: 'null', text: '', pictureWidth: 40 })
})

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
