import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Dexie } from 'dexie'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FolderInUseError } from '#peer/errors.ts'
import { loadDatabase } from '#peer/store/durable-database.ts'
import { RowFile } from '#peer/store/row-file.ts'

const NAME = 'kept'
const STORES = { people: 'id, &name', marks: '[person+number]' }

let folder: string
let path: string
const open: { close(): void }[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'starling-rows-'))
  path = join(folder, 'rows.sqlite')
})

afterEach(async () => {
  for (const each of open.splice(0).reverse()) each.close()
  await rm(folder, { recursive: true })
})

function failed(error: unknown): never {
  throw error
}

/** A database as a process has it that has just started. */
async function start(
  upgrade: (db: Dexie) => void = (db) => db.version(1).stores(STORES),
  onFailure: (error: unknown) => never = failed,
): Promise<{ db: Dexie; file: RowFile }> {
  const file = RowFile.open(path)
  open.push(file)
  const keep = await loadDatabase(file, { name: NAME, onFailure })
  const db = new Dexie(NAME)
  open.push(db)
  upgrade(db)
  keep(db)
  return { db, file }
}

/** What a process finds that starts after this one was killed: nothing of it is closed in an orderly way. */
async function afterKill(file: RowFile, ...rest: Parameters<typeof start>): Promise<Dexie> {
  // Only the lock of a killed process goes by itself.
  file.close()
  open.splice(open.indexOf(file), 1)
  return (await start(...rest)).db
}

describe('a database in Node', () => {
  test('has after a kill what was added, changed and deleted, in every way Dexie does it', async () => {
    const { db, file } = await start()
    const people = db.table('people')
    const marks = db.table('marks')
    await people.bulkAdd([
      { id: 'a', name: 'Anna', bytes: Uint8Array.of(1, 2) },
      { id: 'b', name: 'Ben' },
      { id: 'c', name: 'Cleo' },
      { id: 'd', name: 'Dora' },
    ])
    await marks.bulkPut([1, 2, 3, 4].map((number) => ({ person: 'a', number })))
    await people.update('b', { name: 'Boris' })
    await people.delete('c')
    await people.where('name').equals('Dora').modify({ name: 'Doris' })
    await marks.where('[person+number]').between(['a', 2], ['a', 4]).delete()

    const later = await afterKill(file)
    expect(await later.table('people').toArray()).toEqual([
      { id: 'a', name: 'Anna', bytes: Uint8Array.of(1, 2) },
      { id: 'b', name: 'Boris' },
      { id: 'd', name: 'Doris' },
    ])
    expect(await later.table('marks').toArray()).toEqual([
      { person: 'a', number: 1 },
      { person: 'a', number: 4 },
    ])
    await later.table('marks').clear()
  })

  test('has all of a transaction or nothing', async () => {
    const { db, file } = await start()
    const people = db.table('people')
    await people.add({ id: 'a', name: 'Anna' })
    const refused = db.transaction('rw', people, async () => {
      await people.put({ id: 'a', name: 'Another' })
      await people.add({ id: 'b', name: 'Ben' })
      throw new Error('changed my mind')
    })
    await expect(refused).rejects.toThrow('changed my mind')
    await expect(people.add({ id: 'a', name: 'Twice' })).rejects.toThrow()

    const later = await afterKill(file)
    expect(await later.table('people').toArray()).toEqual([{ id: 'a', name: 'Anna' }])
  })

  test('keeps of many rows those that could be added', async () => {
    const { db, file } = await start()
    const rows = [
      { id: 'a', name: 'Anna' },
      { id: 'b', name: 'Anna' },
      { id: 'c', name: 'Cleo' },
    ]
    await db.transaction('rw', 'people', async () => {
      await db
        .table('people')
        .bulkAdd(rows)
        .catch((error: unknown) => {
          expect(error).toBeInstanceOf(Dexie.BulkError)
        })
    })
    const later = await afterKill(file)
    expect(await later.table('people').toCollection().primaryKeys()).toEqual(['a', 'c'])
  })

  test('is brought up to date as a whole', async () => {
    const { db, file } = await start()
    await db.table('people').add({ id: 'a', name: 'Anna' })

    const upgrade = (later: Dexie): void => {
      later.version(1).stores(STORES)
      later
        .version(2)
        .stores({ people: 'id, &name, year', marks: null })
        .upgrade((change) => change.table('people').toCollection().modify({ year: 1990 }))
    }
    const second = await afterKill(file, upgrade)
    expect(await second.table('people').where('year').equals(1990).count()).toBe(1)

    const secondFile = open.find((each): each is RowFile => each instanceof RowFile)!
    expect(secondFile.shape()).toEqual({ version: 2, tables: { people: 'id,&name,year' } })
    const third = await afterKill(secondFile, upgrade)
    expect(await third.table('people').toArray()).toEqual([{ id: 'a', name: 'Anna', year: 1990 }])
  })

  test('ends the process before anybody hears of a change that is not on the disk', async () => {
    let heard = false
    const heardAtFailure: boolean[] = []
    // The real one does not return; this one does, so that the test goes on.
    const onFailure = (): void => void heardAtFailure.push(heard)
    const { db, file } = await start(undefined, onFailure as () => never)
    await db.table('people').add({ id: 'a', name: 'Anna' })
    file.commit = () => {
      throw new Error('disk full')
    }
    await db.table('people').add({ id: 'b', name: 'Ben' })
    heard = true
    expect(heardAtFailure).toEqual([false])
  })
})

describe('a file of rows', () => {
  test('belongs to one at a time', async () => {
    const { file } = await start()
    expect(() => RowFile.open(path)).toThrow(FolderInUseError)
    file.close()
    open.splice(open.indexOf(file), 1)
    RowFile.open(path).close()
  })

  test('knows facts until they are forgotten', async () => {
    const { file } = await start()
    expect(file.fact('keyring')).toBeNull()
    file.know('keyring', { nonce: Uint8Array.of(7) })
    expect(file.fact('keyring')).toEqual({ nonce: Uint8Array.of(7) })
    file.know('keyring', null)
    expect(file.fact('keyring')).toBeNull()
  })
})
