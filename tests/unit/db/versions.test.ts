import { expect, test } from 'vitest'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { memoryDatabase } from '../../fixtures/memory-database.ts'
import { openEarlierSealed, SEALED_ROWS, SEALED_STORES } from '../../fixtures/sealed-databases.ts'

const ANNA = '12D3KooWAnna' as PeerIdString

test('every version that was released is tried', async () => {
  const db = memoryDatabase()
  await db.open()
  expect(db.verno).toBe(SEALED_STORES.length)
  const tables = SEALED_ROWS.flatMap((rows) => Object.keys(rows))
  expect(tables.toSorted()).toEqual(db.tables.map(({ name }) => name).toSorted())
})

test.each(SEALED_STORES.map((_, index) => index + 1))(
  'every row that version %i stored opens, and is found by its keys',
  async (version) => {
    const db = await openEarlierSealed(version)
    for (const rows of SEALED_ROWS.slice(0, version)) {
      for (const [table, each] of Object.entries(rows)) {
        expect(await db.table(table).toArray(), table).toEqual(each)
      }
    }
    expect(await db.wakeUps.count()).toBe(version === 1 ? 0 : 1)

    const [first, second] = await db.messages.orderBy('[sentAtMs+id]').primaryKeys()
    expect([first, second]).toEqual(['m1', 'm2'])
    const unread = db.messages.where('[conversation+unread+clock+id]')
    expect(await unread.between([ANNA, 1, 0, ''], [ANNA, 1, 9, '']).primaryKeys()).toEqual(['m2'])
    expect(await db.outbox.where({ peer: ANNA, intent: 'i1' }).count()).toBe(1)
    expect(await db.owed.get([ANNA, 'status'])).toMatchObject({ lost: true })

    await db.wakeUps.put({ key: 'me', address: null, told: [] })
    expect(await db.wakeUps.get('me')).toEqual({ key: 'me', address: null, told: [] })
  },
)
