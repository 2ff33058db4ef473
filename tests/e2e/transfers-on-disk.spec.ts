import { createHash, randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { chromium, type BrowserContext } from 'playwright'
import { wholeChromium } from '../support/chromium.ts'
import {
  choosesOwnFolder,
  downloadsOnly,
  namesInOwnFolder,
  savesIntoOwnFiles,
  savedInOwnFile,
} from '../support/page-scripts.ts'
import { PeerProcess } from '../support/peer.ts'
import { chooseFile, letWrite } from '../support/real-file.ts'
import type { Relay } from '../support/relay.ts'
import { expect, Person, test } from './fixtures.ts'

const MB = 1_000_000

/** Makes a peer one that gives others wrong parts. */
const LIES = { NODE_OPTIONS: '--import ./tests/support/lying-parts.ts' }

/** A file on the disk, and what it has to be at the other end. */
async function file(name: string, bytes: number): Promise<{ path: string; sha256: string }> {
  const path = test.info().outputPath(name)
  await writeFile(path, randomBytes(bytes))
  return { path, sha256: await sha256(path) }
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path), hash)
  return hash.digest('hex')
}

/**
 * A browser whose profile lies on the disk. It is closed when its block ends.
 * @param writes the origin whose pages may write to files they are given
 */
async function profile(
  name: string,
  { writes }: { writes?: string } = {},
): Promise<BrowserContext & AsyncDisposable> {
  const folder = test.info().outputPath(`profile of ${name}`)
  if (writes !== undefined) await letWrite(folder, writes)
  return chromium.launchPersistentContext(folder, {
    ...wholeChromium(),
    locale: 'en-GB',
  })
}

/** Shares by a peer without a browser; what it says of it last is there. */
async function share(
  peer: PeerProcess,
  path: string,
  choices: { expiresAfterMs?: number; password?: string } = {},
): Promise<string> {
  const { transfer } = (await peer.ask({ type: 'share', paths: [path], ...choices })) as {
    transfer?: string
  }
  const read = (event: { transfer: string; link: string | null }): boolean =>
    event.transfer === transfer && event.link !== null
  return (await peer.event('transfer', read)).link!
}

/** Saves the only file of a transfer that is open, and looks at what was written. */
async function expectSaved(person: Person, name: string, hash: string): Promise<void> {
  await person.page.evaluate(savesIntoOwnFiles)
  await person.page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(person.page.getByText('Saved.')).toBeVisible({ timeout: 120_000 })
  expect(await person.page.evaluate(savedInOwnFile, name)).toBe(hash)
}

/** Of each part of the transfer they look at, from the first to the last: whether all of it is here. */
function partsHere({ page }: Person): Promise<boolean[]> {
  return page
    .getByRole('img', { name: 'parts are here' })
    .locator('span')
    .evaluateAll((parts) =>
      parts.map((part) => (part as HTMLElement).style.getPropertyValue('--share') === '100%'),
    )
}

/**
 * Sets how many bytes the browser has room for. Chromium goes by the room it found first for half a minute: it is to be
 * small before anything is written.
 */
async function roomOf(
  profile: BrowserContext,
  relay: Relay,
): Promise<(bytes: number) => Promise<unknown>> {
  const browser = await profile.newCDPSession(profile.pages()[0]!)
  return (quotaSize) =>
    browser.send('Storage.overrideQuotaForOrigin', { origin: relay.origin, quotaSize })
}

/** Resolves once this much of it is here, as the bar says. */
async function reaches(person: Person, hundredths: number): Promise<void> {
  const bar = person.page.getByRole('progressbar').first()
  await expect
    .poll(async () => Number(await bar.getAttribute('aria-valuenow')), {
      timeout: 120_000,
      intervals: [100],
    })
    .toBeGreaterThanOrEqual(hundredths)
}

test('100 MB come whole after a reload of either side, and are written to the disk both ways', async ({
  relay,
}) => {
  test.setTimeout(600_000)
  await using annas = await profile('Anna')
  await using boriss = await profile('Boris', { writes: relay.origin })
  const anna = await Person.arrive(annas, relay.origin)
  await anna.start('Anna')
  const boris = await Person.arrive(boriss, relay.origin)
  await boris.start('Boris')
  const chosen = await file('songs.bin', 100 * MB)
  await boris.openLink(await anna.shareFiles([chosen.path]))
  await reaches(boris, 40)
  await boris.page.reload()
  await reaches(boris, 40)
  await anna.page.reload()
  await expect(boris.transferState('All here')).toBeVisible({ timeout: 120_000 })

  // Into a file as the person would choose it.
  const saved = test.info().outputPath('saved.bin')
  await chooseFile(boris.page, saved)
  await boris.page.getByRole('button', { name: 'Save', exact: true }).click()
  await expect(boris.page.getByText('Saved.')).toBeVisible({ timeout: 120_000 })
  expect(await sha256(saved)).toBe(chosen.sha256)

  // Without that window, through the service worker, straight to the disk.
  await boris.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
  await boris.page.evaluate(downloadsOnly)
  const downloading = boris.page.waitForEvent('download')
  await boris.page.getByRole('button', { name: 'Save', exact: true }).click()
  const download = await downloading
  expect(new URL(download.url()).pathname).toMatch(/^\/download\//)
  expect(download.suggestedFilename()).toBe('songs.bin')
  expect(await sha256(await download.path())).toBe(chosen.sha256)
})

test('a page that is closed while it saves leaves no file that looks whole', async ({
  ownRelay: relay,
  person,
}) => {
  test.slow()
  await using shelf = await PeerProcess.start(relay, 'Shelf')
  const boris = await person('Boris', { relay })
  const chosen = await file('songs.bin', 30 * MB)
  await boris.openLink(await share(shelf, chosen.path))
  await expect(boris.transferState('All here')).toBeVisible({ timeout: 120_000 })
  await boris.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined))
  await boris.page.evaluate(downloadsOnly)
  // Somebody else looks at the downloads while this page goes.
  await boris.context.newPage()
  const downloading = boris.page.waitForEvent('download')
  await boris.page.getByRole('button', { name: 'Save', exact: true }).click()
  const download = await downloading
  await boris.page.close()
  expect(await download.failure()).not.toBeNull()
})

test('a folder is shared by a browser, got by a peer and written into a folder by another browser', async ({
  ownRelay: relay,
  person,
}) => {
  test.slow()
  const photo = randomBytes(MB).toString('hex')
  await using shelf = await PeerProcess.start(relay, 'Shelf')
  const anna = await person('Anna', { relay })
  await anna.goTo('Files')
  const tree = { 'day 1/beach.jpg': photo, 'day 2/evening': null, 'notes.txt': 'warm' }
  await anna.page.evaluate(choosesOwnFolder, ['holiday', tree] as const)
  await anna.page.getByRole('button', { name: 'Share a folder' }).first().click()
  await expect(anna.page.getByText('2 files, 2 MB · 1 empty folder')).toBeVisible()
  await anna.page.getByRole('button', { name: 'Make a link' }).click()
  const link = (await anna.page.getByText('#/get/').textContent())!.trim()
  const into = test.info().outputPath('got')
  await shelf.ask({ type: 'get', link, into })
  await shelf.event('saved')
  const names = ['day 1', 'day 1/beach.jpg', 'day 2', 'day 2/evening', 'notes.txt']
  expect((await readdir(join(into, 'holiday'), { recursive: true })).sort()).toEqual(names)
  const beach = 'holiday/day 1/beach.jpg'
  expect(await readFile(join(into, beach), 'utf8')).toBe(photo)
  expect(await readFile(join(into, 'holiday/notes.txt'), 'utf8')).toBe('warm')

  const { link: passedOn } = await shelf.event('transfer', ({ state }) => state === 'complete')
  await anna.context.close()
  const boris = await person('Boris', { relay })
  await boris.openLink(passedOn!)
  await expect(boris.transferState('All here')).toBeVisible({ timeout: 120_000 })
  await boris.page.evaluate(savesIntoOwnFiles)
  for (const called of ['holiday', 'holiday (2)']) {
    await boris.page.getByRole('button', { name: 'Save all' }).click()
    await expect
      .poll(() => boris.page.evaluate(savedInOwnFile, `${called}/day 1/beach.jpg`))
      .toBe(await sha256(join(into, beach)))
    await expect
      .poll(() => boris.page.evaluate(namesInOwnFolder, `${called}/day 2/evening`))
      .toBe(0)
  }
})

test('three who have it give parts of it each', async ({ ownRelay: relay, person }) => {
  test.setTimeout(360_000)
  const chosen = await file('songs.bin', 40 * MB)
  const anna = await person('Anna', { relay })
  const ben = await person('Ben', { relay })
  const cleo = await person('Cleo', { relay })
  const link = await anna.shareFiles([chosen.path])
  for (const each of [ben, cleo]) {
    await each.openLink(link)
    await expect(each.transferState('All here')).toBeVisible({ timeout: 120_000 })
  }
  const boris = await person('Boris', { relay })
  // Slow enough that the others are found before the first has given all of it.
  await boris.limitSpeed('Getting', '4 MB/s')
  await boris.openLink(link)
  await expect(boris.transferPeople.filter({ hasText: /has 100%.*↓/ })).toHaveCount(3, {
    timeout: 120_000,
  })
  await expect(boris.transferState('All here')).toBeVisible({ timeout: 120_000 })
  await expectSaved(boris, 'songs.bin', chosen.sha256)
})

test('two who have different parts finish by each other when who shared it is gone', async ({
  ownRelay: relay,
  person,
}) => {
  test.setTimeout(480_000)
  const anna = await person('Anna', { relay })
  const boris = await person('Boris', { relay })
  const vera = await person('Vera', { relay })
  // Each part comes from Anna to one of the two long before it comes from there to the other.
  await anna.limitSpeed('Giving', '1 MB/s')
  await boris.limitSpeed('Giving', '250 kB/s')
  await vera.limitSpeed('Giving', '250 kB/s')
  const chosen = await file('songs.bin', 10 * MB)
  const link = await anna.shareFiles([chosen.path])
  await Promise.all([boris.openLink(link), vera.openLink(link)])
  let boriss: boolean[] = []
  let veras: boolean[] = []
  await expect
    .poll(
      async () => {
        ;[boriss, veras] = await Promise.all([partsHere(boris), partsHere(vera)])
        return boriss.length > 1 && boriss.every((here, part) => here || veras[part] === true)
      },
      { timeout: 120_000, intervals: [100] },
    )
    .toBe(true)
  await anna.context.close()
  expect(boriss).toContain(false)
  expect(veras).toContain(false)
  for (const each of [boris, vera]) {
    await expect(each.transferState('All here')).toBeVisible({ timeout: 120_000 })
    await expectSaved(each, 'songs.bin', chosen.sha256)
  }
})

test('a liar beside an honest source is found out and named, and the file is right', async ({
  ownRelay: relay,
  person,
}) => {
  test.slow()
  const chosen = await file('songs.bin', 10 * MB)
  await using shelf = await PeerProcess.start(relay, 'Shelf')
  await using liar = await PeerProcess.start(relay, 'Liar', { env: LIES })
  await liar.ask({ type: 'get', link: await share(shelf, chosen.path) })
  // It names both.
  const { link } = await liar.event('transfer', ({ state }) => state === 'complete')
  const boris = await person('Boris', { relay })
  // Slow enough that both are there, and are seen, before one has given all of it.
  await boris.limitSpeed('Getting', '1 MB/s')
  await boris.openLink(link!)
  const [honest, lying] = [shelf, liar].map(({ id }) =>
    boris.transferPeople.filter({ has: boris.page.getByTitle(id) }),
  )
  await expect(lying!).toContainText('Sent something wrong, so it is asked no more')
  await expect(honest!).toContainText(/has 100%.*↓/)
  await expect(boris.transferState('Getting…')).toBeVisible()
  await expect(boris.transferState('All here')).toBeVisible({ timeout: 120_000 })
  await expectSaved(boris, 'songs.bin', chosen.sha256)
})

test('who gives something wrong is asked no more, and the file is right', async ({
  ownRelay: relay,
  person,
}) => {
  test.slow()
  const chosen = await file('songs.bin', 30 * MB)
  await using shelf = await PeerProcess.start(relay, 'Shelf')
  await using liar = await PeerProcess.start(relay, 'Liar', { env: LIES })
  await liar.ask({ type: 'get', link: await share(shelf, chosen.path) })
  const { link } = await liar.event('transfer', ({ state }) => state === 'complete')
  // For a while there is nobody else to ask.
  await shelf.kill()
  const boris = await person('Boris', { relay })
  await boris.openLink(link!)
  await expect(boris.page.getByText('of 30 MB here and checked')).toBeVisible({ timeout: 120_000 })
  // The liar is there, and has all of it.
  await expect(boris.transferState('Waiting for who has it')).toBeVisible()
  const banned = boris.transferPeople.filter({ hasText: 'Sent something wrong' })
  await expect(banned).toHaveCount(1)
  await banned.getByText('What was wrong').click()
  await expect(banned.getByText(/^[0-9a-f]{64}$/)).toBeVisible()
  await expect(banned.getByRole('button', { name: 'Ask again' })).toBeVisible()
  await shelf.up()
  await expect(boris.transferState('All here')).toBeVisible({ timeout: 120_000 })
  await expectSaved(boris, 'songs.bin', chosen.sha256)
})

test('a device without room says so, keeps what it has, and goes on once there is room', async ({
  ownRelay: relay,
}) => {
  test.setTimeout(360_000)
  const chosen = await file('songs.bin', 40 * MB)
  await using shelf = await PeerProcess.start(relay, 'Shelf')
  const link = await share(shelf, chosen.path)
  await using boriss = await profile('Boris')
  const room = await roomOf(boriss, relay)
  await room(20 * MB)
  const boris = await Person.arrive(boriss, relay.origin)
  await boris.start('Boris')
  await boris.openLink(link)
  await expect(boris.transferState('No room left')).toBeVisible({ timeout: 120_000 })
  await expect(boris.page.getByText('What has arrived is kept.')).toBeVisible()
  await room(1_000 * MB)
  await boris.page.getByRole('button', { name: 'Try again' }).click()
  await expect(boris.transferState('All here')).toBeVisible({ timeout: 120_000 })
  await expectSaved(boris, 'songs.bin', chosen.sha256)
})

test('a device without room for what is to be shared says so, and shares once there is room', async ({
  ownRelay: relay,
}) => {
  test.setTimeout(360_000)
  const chosen = await file('songs.bin', 40 * MB)
  await using annas = await profile('Anna')
  const room = await roomOf(annas, relay)
  await room(20 * MB)
  const anna = await Person.arrive(annas, relay.origin)
  await anna.start('Anna')
  await anna.goTo('Files')
  await anna.page.locator('input[type=file]').first().setInputFiles(chosen.path)
  await anna.page.getByRole('button', { name: 'Make a link' }).click()
  await expect(anna.transferState('No room left')).toBeVisible({ timeout: 120_000 })
  await expect(anna.page.getByText('Make room on this device')).toBeVisible()
  await room(1_000 * MB)
  await anna.shareFiles([chosen.path])
  await expect(anna.transferState('Shared')).toBeVisible()
})

test('an expired link says so', async ({ ownRelay: relay, person }) => {
  test.slow()
  await using shelf = await PeerProcess.start(relay, 'Shelf')
  const { path } = await file('note.txt', 1_000)
  const boris = await person('Boris', { relay })
  await boris.openLink(await share(shelf, path, { expiresAfterMs: 1 }))
  await expect(boris.transferState('Link expired')).toBeVisible()
})
