import { expect, test } from 'vitest'
import { StorageFullError } from '#lib/protocol/errors.ts'
import { DexieTotalsStore, type TotalsStore } from '#lib/features/transfers/store.ts'
import { TOTAL_DAYS, Totals, WRITE_MS } from '#lib/features/transfers/totals.ts'
import { settled, silentLogger } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { memoryDatabase } from '../../../fixtures/memory-database.ts'

const DAY_MS = 24 * 60 * 60_000

function setUp(store: TotalsStore = new DexieTotalsStore(memoryDatabase())) {
  const clock = new ManualClock()
  const restarted = async (): Promise<Totals> => {
    const totals = new Totals({ totals: store, clock, log: silentLogger })
    await totals.load()
    return totals
  }
  return { clock, store, restarted }
}

test('each day has what came and what went on it, and days without anything are there', async () => {
  const { clock, restarted } = setUp()
  const totals = await restarted()
  totals.count('down', 5)
  clock.sleep(2 * DAY_MS)
  totals.count('down', 1)
  totals.count('up', 2)
  totals.count('up', 3)
  const { days } = totals
  expect(days.length).toBe(TOTAL_DAYS)
  expect(days.slice(-3).map(({ down, up }) => [down, up])).toEqual([
    [5, 0],
    [0, 0],
    [1, 5],
  ])
  await totals.stop()
})

test('they outlive a restart, and what is counted before they are known is added', async () => {
  const { clock, restarted, store } = setUp()
  const before = await restarted()
  before.count('down', 5)
  await before.stop()
  expect(clock.pending).toBe(0)
  const after = new Totals({ totals: store, clock, log: silentLogger })
  after.count('down', 1)
  await after.load()
  expect(after.days.at(-1)).toMatchObject({ down: 6, up: 0 })
  await after.stop()
  expect((await restarted()).days.at(-1)).toMatchObject({ down: 6, up: 0 })
})

test('they are written a while after something was counted, without a stop', async () => {
  const { clock, restarted } = setUp()
  const totals = await restarted()
  totals.count('up', 7)
  clock.advance(WRITE_MS)
  await settled()
  expect((await restarted()).days.at(-1)).toMatchObject({ up: 7 })
})

test('days are forgotten after a month', async () => {
  const { clock, store, restarted } = setUp()
  const totals = await restarted()
  totals.count('down', 5)
  await totals.stop()
  clock.sleep(TOTAL_DAYS * DAY_MS)
  totals.count('down', 1)
  await totals.stop()
  expect((await store.all()).map(({ down }) => down)).toEqual([1])
  expect(totals.days[0]).toMatchObject({ down: 0 })
})

test('where there is no room for them they are counted on', async () => {
  const { store } = setUp()
  const full: TotalsStore = {
    all: () => store.all(),
    put: () => Promise.reject(new StorageFullError('full')),
    delete: (day) => store.delete(day),
  }
  const totals = await setUp(full).restarted()
  totals.count('down', 5)
  await totals.stop()
  expect(totals.days.at(-1)).toMatchObject({ down: 5 })
})
