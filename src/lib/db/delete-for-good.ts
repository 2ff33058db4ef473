import { Dexie } from 'dexie'

/** Databases made only to be deleted. Two are enough where this was tried, and one is to spare. */
const SCRAPS = ['starling-scrap-1', 'starling-scrap-2', 'starling-scrap-3'] as const

/**
 * Deletes databases, and what is left of them in the browser's files. Chromium's LevelDB keeps what was deleted until
 * it merges the files that hold it, which may be never; only deleting a database makes it do so at once, one level of
 * files at a time, and only in files that reach to where that database begins. So others are begun and deleted: first
 * to bring everything to the lowest level, then, begun before and deleted after, to take what was deleted out of it
 * (tests/e2e/vault-on-disk.spec.ts looks into the files). Firefox and Safari keep each database in a file of its own,
 * which is gone with it.
 */
export async function deleteForGood(names: readonly string[]): Promise<void> {
  const [first, second, third] = SCRAPS
  await begin(first)
  for (const [next, before] of [
    [second, first],
    [third, second],
  ] as const) {
    await begin(next)
    await Dexie.delete(before)
  }
  await Dexie.delete(third)
  for (const scrap of SCRAPS) await begin(scrap)
  for (const name of [...names, ...SCRAPS]) await Dexie.delete(name)
}

async function begin(name: string): Promise<void> {
  const db = new Dexie(name, { chromeTransactionDurability: 'strict' })
  db.version(1).stores({ rows: 'at' })
  try {
    await db.table('rows').put({ at: 0 })
  } finally {
    db.close()
  }
}
