import { expect, test, vi } from 'vitest'
import type { MessageRow, StarlingDatabase } from '#lib/db/schema.ts'
import { INDEX_AFTER_MS, SearchIndex } from '#lib/features/chat/search-index.ts'
import { messageIdOf, type PeerIdString } from '#lib/protocol/ids.ts'
import { silentLogger } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { memoryDatabase } from '../../../fixtures/memory-database.ts'

function row(at: number, text: string): MessageRow {
  const digest = new Uint8Array(32)
  new DataView(digest.buffer).setUint32(0, at * 2_654_435_761)
  return {
    id: messageIdOf(digest),
    conversation: '12D3KooWAnna' as PeerIdString,
    chain: 'chain' as MessageRow['chain'],
    sequence: at + 1,
    clock: at + 1,
    mine: true,
    text,
    // Several of one moment.
    sentAtMs: Math.floor(at / 3),
    receivedAtMs: at,
  }
}

async function scene(rows: MessageRow[], maxUnits?: number) {
  const db = memoryDatabase()
  await db.messages.bulkAdd(rows)
  const clock = new ManualClock()
  const index = new SearchIndex({ db, clock, logger: silentLogger }, maxUnits)
  index.start()
  const texts = async (wanted: string, limit = 50) =>
    (await index.search(wanted, limit)).map(({ text }) => text)
  return { db, clock, index, texts }
}

/** Rows of the database that were opened while `work` went on. */
async function opened(db: StarlingDatabase, work: () => Promise<unknown>): Promise<number> {
  let count = 0
  const reading = (each: MessageRow): MessageRow => {
    count += 1
    return each
  }
  db.messages.hook('reading', reading)
  await work()
  db.messages.hook('reading').unsubscribe(reading)
  return count
}

/** Resolves when all is in memory: then a search in vain opens no row. */
async function built({
  db,
  clock,
  index,
  texts,
}: Awaited<ReturnType<typeof scene>>): Promise<void> {
  clock.advance(INDEX_AFTER_MS)
  await index.built()
  expect(await opened(db, () => texts('not there'))).toBe(0)
}

const many = Array.from({ length: 700 }, (_, at) =>
  row(at, `Wort ${at} ${at % 7 === 0 ? 'Ünder' : ''}`),
)

test('finds the same before it is built, and after, when it opens only what it found', async () => {
  const all = await scene(many)
  const before = await all.texts('under', 20)
  expect(before).toHaveLength(20)
  await built(all)
  expect(await all.texts('under', 20)).toEqual(before)
  expect(await opened(all.db, () => all.texts('under', 20))).toBe(20)
})

test('the first search has all read into memory, however short after the start', async () => {
  const all = await scene(many)
  await all.texts('under')
  await all.index.built()
  expect(await opened(all.db, () => all.texts('not there'))).toBe(0)
})

test('what is written, edited and deleted later is followed', async () => {
  const all = await scene(many)
  await built(all)
  await all.db.messages.add(row(9_000, 'a new one'))
  expect(await all.texts('a new one')).toEqual(['a new one'])
  await all.db.messages.update(row(9_000, '').id, { text: 'an edited one' })
  expect(await all.texts('a new one')).toEqual([])
  expect(await all.texts('an edited one')).toEqual(['an edited one'])
  await all.db.messages.delete(row(9_000, '').id)
  expect(await all.texts('an edited one')).toEqual([])
  await all.db.messages.where('[sentAtMs+id]').above([0]).delete()
  expect(await all.texts('wort 600')).toEqual([])
})

test('what is too old for the memory is found in the database', async () => {
  const all = await scene(many, 2_000)
  all.clock.advance(INDEX_AFTER_MS)
  await all.index.built()
  expect(await opened(all.db, () => all.texts('wort 69'))).toBeLessThan(700)
  expect(await all.texts('wort 3 ')).toEqual(['Wort 3 '])
  for (let at = 9_000; at < 9_100; at += 1)
    await all.db.messages.add(row(at, `later ${at}, much later`))
  expect(await all.texts('much later', 200)).toHaveLength(100)
  expect(await all.texts('wort 699')).toEqual(['Wort 699 '])
  expect(await all.texts('wort 0 ')).toEqual(['Wort 0 Ünder'])
})

/** Holds what is read of older messages next, as it was read, until it is let go. */
function holdReading(db: StarlingDatabase) {
  const read = Promise.withResolvers<undefined>()
  const letGo = Promise.withResolvers<undefined>()
  const collections = Object.getPrototypeOf(db.messages.toCollection()) as {
    toArray(): Promise<MessageRow[]>
  }
  const { toArray } = collections
  const spy = vi.spyOn(collections, 'toArray').mockImplementation(async function (this: object) {
    const rows = await toArray.call(this)
    spy.mockRestore()
    read.resolve(undefined)
    await letGo.promise
    return rows
  })
  const go = (): void => {
    letGo.resolve(undefined)
  }
  return { read: read.promise, go }
}

/** Whatever does not wait for reading that is held has gone as far as it goes. */
async function passed(db: StarlingDatabase): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await db.messages.toArray()
}

test('what is edited while it is read into memory is found by its new words alone', async () => {
  const all = await scene(many)
  const held = holdReading(all.db)
  all.clock.advance(INDEX_AFTER_MS)
  await held.read
  await all.db.messages.update(many[699]!.id, { text: 'edited' })
  const searching = all.texts('edited')
  await passed(all.db)
  held.go()
  expect(await searching).toEqual(['edited'])
  await built(all)
  expect(await all.texts('wort 699')).toEqual([])
  expect(await all.texts('edited')).toEqual(['edited'])
})

test('messages that come into memory during a search are not missed by it', async () => {
  const all = await scene(many)
  const bulkGet = all.db.messages.bulkGet.bind(all.db.messages)
  const get = vi.spyOn(all.db.messages, 'bulkGet')
  get.mockImplementationOnce((async (ids: MessageRow['id'][]) => {
    all.clock.advance(INDEX_AFTER_MS)
    await all.index.built()
    return bulkGet(ids)
  }) as unknown as typeof bulkGet)
  expect(await all.texts('wort 3 ')).toHaveLength(1)
})

test('changes that could not be read are looked at by the next search', async () => {
  const all = await scene(many)
  await built(all)
  await all.db.messages.update(many[5]!.id, { text: 'edited' })
  vi.spyOn(all.db.messages, 'bulkGet').mockRejectedValueOnce(new Error('away'))
  await expect(all.texts('edited')).rejects.toThrow('away')
  expect(await all.texts('edited')).toEqual(['edited'])
})

test('a search nobody wants any more ends', async () => {
  const all = await scene(many)
  const signal = AbortSignal.abort(new Error('typed on'))
  await expect(all.index.search('wort', 5, { signal })).rejects.toThrow('typed on')
})

test('once stopped, nothing of the texts is in memory, and no timer is left', async () => {
  const all = await scene(many)
  await built(all)
  all.index.stop()
  expect(all.clock.pending).toBe(0)
  expect(await opened(all.db, () => all.texts('not there'))).toBe(700)
})
