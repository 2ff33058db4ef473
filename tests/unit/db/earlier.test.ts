import { Dexie } from 'dexie'
import { afterEach, expect, test } from 'vitest'
import { EARLIER_DATABASE_NAME, moveEarlier } from '#lib/db/earlier.ts'
import type { ChainsRow, StarlingDatabase } from '#lib/db/schema.ts'
import { leaveEarlierDatabase } from '../../fixtures/earlier-databases.ts'
import { memoryDatabase } from '../../fixtures/memory-database.ts'
import { PowerSupply } from '../../fixtures/power-cut.ts'

afterEach(() => Dexie.delete(EARLIER_DATABASE_NAME))

async function contents(db: StarlingDatabase): Promise<Record<string, unknown[]>> {
  const tables = await Promise.all(
    db.tables.map(async (table) => [table.name, await table.toArray()] as const),
  )
  return Object.fromEntries(tables.filter(([, rows]) => rows.length > 0))
}

/** Rows of version 2 with what is new today. */
function ofToday(rows: Record<string, object[]>): Record<string, unknown[]> {
  const [chains] = rows['chains'] as [ChainsRow]
  return {
    ...rows,
    contacts: rows['contacts']!.map((row) => ({
      ...row,
      offeredCommitment: null,
      verifiedCommitment: null,
    })),
    conversations: rows['conversations']!.map((row) => ({ ...row, mute: null })),
    chains: [{ ...chains, mine: { ...chains.mine, stored: chains.mine.received }, ended: [] }],
    outbox: rows['outbox']!.map((row) => ({ ...row, receipts: [] })),
    settings: rows['settings']!.map((row) => ({
      ...row,
      readReceipts: true,
      notifications: 'off',
    })),
  }
}

const exists = async (): Promise<boolean> =>
  (await Dexie.getDatabaseNames()).includes(EARLIER_DATABASE_NAME)

test('every row of version 2 is moved, and the earlier database is gone', async () => {
  const rows = await leaveEarlierDatabase(2)
  const db = memoryDatabase()
  await moveEarlier(db)
  expect(await contents(db)).toEqual(ofToday(rows))
  expect(await exists()).toBe(false)
})

test('what waited unsealed in version 1 is to be sealed', async () => {
  const rows = await leaveEarlierDatabase(1)
  const db = memoryDatabase()
  await moveEarlier(db)
  const envelope = new Uint8Array(9).fill(9)
  expect(await contents(db)).toEqual({
    ...ofToday(rows),
    outbox: [{ ...rows['outbox']![0], envelope, sealed: null, receipts: [] }],
  })
})

test('without an earlier database nothing happens', async () => {
  const db = memoryDatabase()
  await db.settings.add({
    key: 'me',
    language: 'en',
    theme: 'dark',
    readReceipts: true,
    notifications: 'off',
  })
  await moveEarlier(db)
  expect(await db.settings.count()).toBe(1)
})

test('a move cut off at any write begins again', async () => {
  let cut = true
  for (let write = 1; cut; write += 1) {
    const rows = await leaveEarlierDatabase(2)
    const db = memoryDatabase()
    const power = new PowerSupply(db)
    power.cutPower(write, false)
    cut = await moveEarlier(db).then(
      () => false,
      () => true,
    )
    expect(await exists()).toBe(cut)
    power.restart()
    await moveEarlier(db)
    expect(await contents(db)).toEqual(ofToday(rows))
    if (!cut) expect(write).toBeGreaterThan(20)
  }
})
