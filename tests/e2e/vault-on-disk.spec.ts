import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import { chromium, type BrowserContext } from 'playwright'
import { wholeChromium } from '../support/chromium.ts'
import { openProfile } from '../support/profile-search.ts'
import { removeSharedWorker } from '../support/page-scripts.ts'
import { expect, Person, test } from './fixtures.ts'

const PASSPHRASE = 'seven birds on a wire'

/** Words that no browser and no page of ours has in its files. */
const ME = 'Zephyrine Quillfeather'
const THEM = 'Борислав Ихневмонов'
const MESSAGE = 'the heron nests behind the brickworks'
const ANSWER = 'встретимся у сломанного флюгера'
const DRAFT = 'bring the cormorant ledger'
const UNSENT = 'and forty pounds of millet'
const CANARY = 'a canary that anybody can read'

/** A browser whose profile stays on the disk, opened again and again. */
async function withProfile<T>(use: (profile: Profile) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'starling-profile-'))
  try {
    return await use(new Profile(folder))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

class Profile {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** Everything is closed when this resolves. */
  async open(host: string, use: (context: BrowserContext) => Promise<void>): Promise<void> {
    const context = await chromium.launchPersistentContext(this.folder, {
      ...wholeChromium(),
      locale: 'en-GB',
    })
    if (host === 'elected') await context.addInitScript(removeSharedWorker)
    try {
      await use(context)
    } finally {
      await context.close()
    }
  }

  contents() {
    return openProfile(this.folder)
  }
}

/** Rows that lie in clear, as the test's own proof that it reads what is there. */
async function leaveCanaries(page: Page): Promise<void> {
  await page.evaluate(async (canary) => {
    const opening = indexedDB.open('canary', 1)
    opening.onupgradeneeded = () => opening.result.createObjectStore('rows', { keyPath: 'at' })
    await new Promise((resolve) => (opening.onsuccess = resolve))
    const writing = opening.result.transaction('rows', 'readwrite', { durability: 'strict' })
    for (let at = 0; at < 200; at += 1) writing.objectStore('rows').put({ at, canary })
    await new Promise((resolve) => (writing.oncomplete = resolve))
    opening.result.close()
  }, CANARY)
}

/** What opens the database without a passphrase, as it lies on the disk. */
async function deviceSeal(page: Page): Promise<Uint8Array> {
  const sealed = await page.evaluate(async () => {
    const { name } = (await indexedDB.databases()).find((each) =>
      each.name?.startsWith('starling-keys-'),
    )!
    const opening = indexedDB.open(name!)
    await new Promise((resolve) => (opening.onsuccess = resolve))
    const reading = opening.result.transaction('keyrings').objectStore('keyrings').get('me')
    await new Promise((resolve) => (reading.onsuccess = resolve))
    opening.result.close()
    return Array.from((reading.result as { seal: { sealed: Uint8Array } }).seal.sealed)
  })
  return Uint8Array.from(sealed)
}

/** What the version before this one kept of a person, in clear. */
async function leaveEarlierDatabase(page: Page, name: string): Promise<void> {
  await page.evaluate(async (name) => {
    // Dexie's version 1 is 10 for the browser.
    const opening = indexedDB.open('starling', 10)
    opening.onupgradeneeded = () => {
      opening.result.createObjectStore('identity', { keyPath: 'key' })
      opening.result.createObjectStore('profile', { keyPath: 'key' })
    }
    await new Promise((resolve) => (opening.onsuccess = resolve))
    const stores = ['identity', 'profile']
    const writing = opening.result.transaction(stores, 'readwrite', { durability: 'strict' })
    writing.objectStore('identity').put({
      key: 'me',
      ed25519Seed: new Uint8Array(32).fill(1),
      mlDsaSeed: new Uint8Array(32).fill(2),
      keyCommitment: new Uint8Array(32).fill(3),
    })
    writing.objectStore('profile').put({ key: 'me', name, createdAtMs: 1 })
    await new Promise((resolve) => (writing.oncomplete = resolve))
    opening.result.close()
  }, name)
}

test('what an earlier version kept in clear is gone from the disk', async ({ relay, host }) => {
  test.slow()
  await withProfile(async (profile) => {
    await profile.open(host, async (context) => {
      const page = await context.newPage()
      await page.goto(`${relay.origin}/health`)
      await leaveEarlierDatabase(page, ME)
    })
    expect(profile.contents().filesWith(ME)).not.toEqual([])

    await profile.open(host, async (context) => {
      const anna = await Person.arrive(context, relay.origin)
      await anna.goTo('Settings')
      await expect(anna.page.getByText(ME).first()).toBeVisible()
      // The browser tidies up in its own time.
      await expect.poll(() => profile.contents().filesWith(ME)).toEqual([])
    })
    expect(profile.contents().filesWith(ME)).toEqual([])
  })
})

test('once locked, nothing in the browser’s profile can be read', async ({
  relay,
  person,
  host,
}) => {
  test.slow()
  await withProfile(async (profile) => {
    let seal: Uint8Array = new Uint8Array()
    const boris = await person(THEM)
    await profile.open(host, async (context) => {
      const anna = await Person.arrive(context, relay.origin)
      await anna.start(ME)
      await anna.meet(boris, { mine: ME, theirs: THEM })
      await anna.openChat(THEM)
      await anna.write(MESSAGE)
      await boris.openChat(ME)
      await boris.write(ANSWER)
      await expect(anna.message(ANSWER)).toBeVisible()
      await anna.composer.fill(DRAFT)
      await anna.composer.blur()
      await leaveCanaries(anna.page)
      seal = await deviceSeal(anna.page)
      // Typed as the page goes.
      await anna.composer.fill(UNSENT)
      await anna.reload()
    })
    expect(profile.contents().filesWithBytes(seal)).not.toEqual([])

    await profile.open(host, async (context) => {
      const anna = await Person.arrive(context, relay.origin)
      await anna.openChat(THEM)
      await expect(anna.composer).toHaveValue(UNSENT)
      await expect(anna.message(MESSAGE)).toBeVisible()
      await anna.setPassphrase(PASSPHRASE)
      await anna.lock()
      // The browser tidies up in its own time.
      await expect.poll(() => profile.contents().filesWithBytes(seal)).toEqual([])
    })
    const locked = profile.contents()
    // What lies in clear is found, also in what the browser compressed.
    expect(locked.compressedBlocks).toBeGreaterThan(0)
    expect(locked.filesWith(CANARY)).not.toEqual([])
    for (const secret of [ME, THEM, MESSAGE, ANSWER, DRAFT, UNSENT, PASSPHRASE]) {
      expect(locked.filesWith(secret), secret).toEqual([])
    }
    expect(locked.filesWithBytes(seal), 'the key for this browser').toEqual([])

    await profile.open(host, async (context) => {
      const anna = await Person.arrive(context, relay.origin)
      await anna.unlock(PASSPHRASE)
      await anna.openChat(THEM)
      await expect(anna.message(ANSWER)).toBeVisible()
    })
  })
})
