import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encode } from '@ipld/dag-cbor'
import { ClassicLevel } from 'classic-level'
import { expect, onTestFinished, test } from 'vitest'
import { MailboxStoreError } from '#relay/mailbox/errors.ts'
import { LevelMailboxStore } from '#relay/mailbox/level-store.ts'
import type { NewItem } from '#relay/mailbox/store.ts'
import { complies } from '../../../compliance/mailbox-store.ts'
import { ForgetfulLevel, type Level } from '../../../fixtures/forgetful-level.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'

const random = seededRandom(2)
const QUOTAS = { mailbox: 10_000, sender: 10_000, strangers: 10_000, relay: 10_000 }
const MAILBOX = random.bytes(32)

function folderOfTest(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'starling-mailboxes-'))
}

function item(): NewItem {
  return {
    ...{ mailbox: MAILBOX, sender: null, proof: null },
    ...{ id: random.bytes(32), bytes: random.bytes(10), storedAtMs: 1, expiresAtMs: 1_000 },
  }
}

complies('in a LevelDB', async () => {
  const folder = await folderOfTest()
  let level: Level
  return {
    open: (quotas) => {
      level = new ClassicLevel<string, Uint8Array>(folder, { valueEncoding: 'view' })
      return LevelMailboxStore.open(level, quotas)
    },
    // As if the process was killed.
    powerCut: () => level.close(),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
})

complies('in a LevelDB that forgets at a power cut what is not synced', async () => {
  const folder = await folderOfTest()
  const forgetful = new ForgetfulLevel(folder)
  return {
    open: (quotas) => LevelMailboxStore.open(forgetful.open(), quotas),
    powerCut: () => forgetful.powerCut(),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
})

/** A store of this test alone, and the LevelDB under it. */
async function openStore(): Promise<{ level: Level; store: LevelMailboxStore }> {
  const folder = await folderOfTest()
  const level: Level = new ClassicLevel(folder, { valueEncoding: 'view' })
  const store = await LevelMailboxStore.open(level, QUOTAS)
  onTestFinished(async () => {
    await store.close()
    await rm(folder, { recursive: true, force: true })
  })
  return { level, store }
}

test('such a LevelDB finds a store that does not wait for the disk', async () => {
  const folder = await folderOfTest()
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  const forgetful = new ForgetfulLevel(folder, { ignoresSync: true })
  const store = await LevelMailboxStore.open(forgetful.open(), QUOTAS)
  await store.put(item())
  expect(await store.list(MAILBOX, 0, 10, 2)).toHaveLength(1)
  await forgetful.powerCut()
  const after = await LevelMailboxStore.open(forgetful.open(), QUOTAS)
  expect(await after.list(MAILBOX, 0, 10, 2)).toHaveLength(0)
  await after.close()
})

test('a store that could not write refuses until its disk takes bytes again', async () => {
  const { level, store } = await openStore()
  const { number } = await store.put(item())
  const usage = await store.usage()
  const write = level.batch.bind(level)
  level.batch = (() => Promise.reject(new Error('no space left'))) as unknown as typeof level.batch
  await expect(store.put(item())).rejects.toThrow(MailboxStoreError)
  level.batch = write
  // LevelDB itself would refuse now.
  await expect(store.put(item())).rejects.toThrow(MailboxStoreError)
  await expect(store.remove(MAILBOX, [number], 2)).rejects.toThrow(MailboxStoreError)
  expect(await store.list(MAILBOX, 0, 10, 2)).toHaveLength(1)
  expect(await store.usage()).toEqual(usage)
  await store.sweep(2, 10)
  await store.put(item())
  expect(await store.list(MAILBOX, 0, 10, 2)).toHaveLength(2)
})

test('what an earlier version has put, without a proof, is still there', async () => {
  const { level, store } = await openStore()
  const sender = random.bytes(16)
  const { number, id } = await store.put({ ...item(), sender, proof: random.bytes(64) })
  const [key] = await level.keys({ gt: 'entry!', limit: 1 }).all()
  await level.put(key!, encode([id, sender, 10, 1, 1_000]))
  expect(await store.list(MAILBOX, 0, 10, 2)).toMatchObject([{ number, id, sender, proof: null }])
  await store.remove(MAILBOX, [number], 2)
  expect(await store.list(MAILBOX, 0, 10, 2)).toEqual([])
})
