import { Dexie, type Collection, type Table } from 'dexie'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AesRowCipher } from '#lib/crypto/aes-row-cipher.ts'
import { UnreadableRowError } from '#lib/crypto/errors.ts'
import { sealedTables } from '#lib/db/sealed-tables.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import '../../fixtures/memory-database.ts'

interface Row {
  peer: string
  at: number
  id: string
  note?: string | null
  bytes: Uint8Array
}

const STORES = { rows: '[peer+at], at, &id, [peer+note+at], note, [at+id]' }

let databases = 0

function open(key = 1, name = `sealed ${(databases += 1)}`) {
  const sealed = new Dexie(name)
  sealed.version(1).stores(STORES)
  sealed.use(sealedTables(new AesRowCipher(new Uint8Array(32).fill(key), systemRandom)))
  return { name, db: sealed, rows: sealed.table<Row, [string, number]>('rows') }
}

/** The same tables in clear. */
function openPlain(name = `plain ${(databases += 1)}`) {
  const db = new Dexie(name)
  db.version(1).stores(STORES)
  return { db, rows: db.table<Row, [string, number]>('rows') }
}

const text = fc.constantFrom('', 'a', 'b', 'ä', 'anna', 'boris')
const number = fc.integer({ min: 0, max: 5 })
const row: fc.Arbitrary<Row> = fc.record(
  {
    peer: text,
    at: number,
    id: fc.string({ maxLength: 3 }),
    note: fc.option(text),
    bytes: fc.uint8Array({ maxLength: 5 }),
  },
  { requiredKeys: ['peer', 'at', 'id', 'bytes'] },
)

const { minKey, maxKey } = Dexie
type Rows = Table<Row, [string, number]>
type Find = (rows: Rows) => Collection<Row, [string, number]>

/** Ways to ask, each with ends that may be in any order. */
const find: fc.Arbitrary<Find> = fc.oneof(
  fc.constant<Find>((rows) => rows.toCollection()),
  fc.constant<Find>((rows) => rows.orderBy('at')),
  fc.constant<Find>((rows) => rows.orderBy('note')),
  fc.constant<Find>((rows) => rows.orderBy('[at+id]')),
  text.map<Find>((peer) => (rows) => rows.where({ peer })),
  fc.tuple(text, number, fc.boolean()).map<Find>(
    ([peer, at, included]) =>
      (rows) =>
        rows.where('[peer+at]').between([peer, minKey], [peer, at], true, included),
  ),
  fc.tuple(number, text, number, text, fc.boolean(), fc.boolean()).map<Find>(
    ([from, a, to, b, low, high]) =>
      (rows) =>
        rows.where('[at+id]').between([from, a], [to, b], low, high),
  ),
  fc.tuple(text, text).map<Find>(
    ([peer, note]) =>
      (rows) =>
        rows.where('[peer+note+at]').between([peer, note, minKey], [peer, note, maxKey]),
  ),
  text.map<Find>(
    (peer) => (rows) =>
      rows.where('[peer+note+at]').between([peer, minKey, minKey], [peer, maxKey, maxKey]),
  ),
  number.map<Find>((at) => (rows) => rows.where('at').above(at)),
  text.map<Find>((note) => (rows) => rows.where('note').belowOrEqual(note)),
  text.map<Find>((note) => (rows) => rows.where('note').startsWith(note)),
  fc.tuple(text, text).map<Find>((notes) => (rows) => rows.where('note').anyOf(notes)),
  fc.tuple(number, number).map<Find>((ats) => (rows) => rows.where('at').anyOf(ats)),
  text.map<Find>((note) => (rows) => rows.where('note').notEqual(note)),
)

const narrowed: fc.Arbitrary<Find> = fc
  .tuple(
    find,
    fc.boolean(),
    fc.option(fc.integer({ min: 0, max: 6 })),
    fc.option(fc.integer({ min: 0, max: 3 })),
    fc.boolean(),
  )
  .map(([each, reverse, limit, offset, filter]) => (rows) => {
    let found = each(rows)
    if (reverse) found = found.reverse()
    if (filter) found = found.filter(({ bytes }) => bytes.byteLength > 1)
    if (offset !== null) found = found.offset(offset)
    return limit === null ? found : found.limit(limit)
  })

type Act = (rows: Rows) => PromiseLike<unknown>

const act: fc.Arbitrary<Act> = fc.oneof(
  row.map<Act>((each) => (rows) => rows.put(each)),
  row.map<Act>((each) => (rows) => rows.add(each)),
  fc.array(row, { maxLength: 6 }).map<Act>((each) => (rows) => rows.bulkPut(each)),
  fc.array(row, { maxLength: 6 }).map<Act>((each) => (rows) => rows.bulkAdd(each)),
  fc.tuple(text, number).map<Act>((key) => (rows) => rows.delete(key)),
  fc.tuple(text, number).map<Act>((key) => (rows) => rows.get(key)),
  fc.tuple(text, number).map<Act>(
    ([peer, at]) =>
      (rows) =>
        rows.update([peer, at], { note: 'changed' }),
  ),
  fc.array(fc.tuple(text, number)).map<Act>((keys) => (rows) => rows.bulkGet(keys)),
  narrowed.map<Act>((each) => (rows) => each(rows).toArray()),
  narrowed.map<Act>((each) => (rows) => each(rows).count()),
  narrowed.map<Act>((each) => (rows) => each(rows).first()),
  narrowed.map<Act>((each) => (rows) => each(rows).primaryKeys()),
  find.map<Act>((each) => (rows) => each(rows).uniqueKeys()),
  narrowed.map<Act>((each) => async (rows) => {
    const seen: unknown[] = []
    await each(rows).each((found, { key, primaryKey }) => seen.push([found, key, primaryKey]))
    return seen
  }),
  find.map<Act>((each) => (rows) => each(rows).delete()),
  find.map<Act>((each) => (rows) => each(rows).modify({ note: 'modified' })),
)

const outcome = (act: Act, rows: Rows): Promise<unknown> =>
  Promise.resolve(act(rows)).catch((error: unknown) => (error as Error).name)

test('tables in clear and sealed ones answer the same, in the same order', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(row, { maxLength: 25 }),
      fc.array(act, { minLength: 1, maxLength: 12 }),
      async (before, acts) => {
        const { db, rows } = open()
        const plain = openPlain()
        for (const table of [rows, plain.rows]) await table.bulkPut(before).catch(() => undefined)
        for (const each of acts) {
          expect(await outcome(each, rows)).toEqual(await outcome(each, plain.rows))
        }
        expect(await rows.toArray()).toEqual(await plain.rows.toArray())
        await Promise.all([db.delete(), plain.db.delete()])
      },
    ),
    { numRuns: 150 },
  )
})

const anna: Row = {
  peer: 'anna',
  at: 1,
  id: 'first',
  note: 'sees me at six',
  bytes: new TextEncoder().encode('secret bytes'),
}

test('no text and no bytes of a row are in what is stored', async () => {
  const { name, db, rows } = open()
  await rows.add(anna)
  db.close()
  const [stored] = await openPlain(name).rows.toArray()
  expect(Object.keys(stored!).toSorted()).toEqual(['at', 'id', 'note', 'peer', 'row'])
  const all = Object.values(stored!)
    .filter((value) => value instanceof Uint8Array)
    .map((value) => new TextDecoder('latin1').decode(value))
    .join()
  for (const secret of ['anna', 'first', 'six', 'secret']) expect(all).not.toContain(secret)
  expect(stored).toMatchObject({ at: 1, peer: expect.any(Uint8Array) as unknown })
})

test('the same text is not the same in two places', async () => {
  const { name, db, rows } = open()
  await rows.add({ ...anna, peer: 'same', id: 'same' })
  db.close()
  const [stored] = await openPlain(name).rows.toArray()
  expect(stored!.peer).not.toEqual(stored!.id)
})

test('a row is unreadable with another key, when changed, and in the place of another', async () => {
  const { name, db, rows } = open()
  await rows.bulkAdd([anna, { ...anna, at: 2, id: 'second' }])
  db.close()
  const plain = openPlain(name)
  const [first, second] = (await plain.rows.orderBy('at').toArray()) as (Row & {
    row: Uint8Array
  })[]
  const outcomes = async (stored: object, key = 1): Promise<unknown> => {
    await plain.db.open()
    await plain.rows.put(stored as Row)
    plain.db.close()
    const again = open(key, name)
    const found = await outcome((rows) => rows.where('at').equals(1).toArray(), again.rows)
    again.db.close()
    return found
  }
  expect(await outcomes(first!)).toEqual([anna])
  expect(await outcomes(first!, 2)).toBe(UnreadableRowError.name)
  expect(await outcomes({ ...first, row: second!.row })).toBe(UnreadableRowError.name)
  const changed = first!.row.with(20, first!.row[20]! ^ 1)
  expect(await outcomes({ ...first, row: changed })).toBe(UnreadableRowError.name)
})

test('the first of many of one moment are the first by their text', async () => {
  const { rows } = open()
  const many = Array.from({ length: 60 }, (_, at) => ({
    ...anna,
    peer: `peer ${at}`,
    id: String(at).padStart(2, '0'),
  }))
  await rows.bulkAdd(many)
  const found = await rows.orderBy('[at+id]').limit(3).toArray()
  expect(found.map(({ id }) => id)).toEqual(['00', '01', '02'])
  const last = await rows.orderBy('[at+id]').reverse().limit(3).toArray()
  expect(last.map(({ id }) => id)).toEqual(['59', '58', '57'])
})
