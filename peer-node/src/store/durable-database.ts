import { decode, encode } from 'cborg'
import {
  Dexie,
  type DBCore,
  type DBCoreMutateRequest,
  type DBCoreTable,
  type DBCoreTransaction,
  type Middleware,
} from 'dexie'
import { IDBFactory, IDBKeyRange } from 'fake-indexeddb'
import type { RowChange, RowFile, Shape } from './row-file.ts'

/** Below every other middleware: what is kept is what IndexedDB is given. */
const LOWEST_LEVEL = -100

export interface DurableInit {
  /** The database's name in IndexedDB. */
  name: string
  /** A change could not be written: what is in memory is ahead of the disk for good, so this must end the process. */
  onFailure: (error: unknown) => never
}

/**
 * Makes Dexie work in Node: its IndexedDB is one in memory, filled with the rows of `file`. Of a database that `keep`
 * was called for, every transaction is in the file when it ends, before anybody hears that it did.
 *
 * The rows of all tables are in memory too, some 1 KiB a message.
 */
export async function loadDatabase(file: RowFile, init: DurableInit): Promise<(db: Dexie) => void> {
  Object.assign(Dexie.dependencies, { indexedDB: new IDBFactory(), IDBKeyRange })
  const shape = file.shape()
  if (shape !== null) await fill(file, init.name, shape)
  return (db) => {
    db.use(recorder(file, init))
    // A new folder, or one of an earlier version that Dexie has just brought up to date.
    db.on('ready', async () => {
      if (db.verno !== shape?.version) await keepAll(file, init)
    })
  }
}

/** In the shape that the rows have, whatever that of today is. */
async function fill(file: RowFile, name: string, { version, tables }: Shape): Promise<void> {
  const memory = new Dexie(name)
  memory.version(version).stores(tables)
  try {
    for (const table of memory.tables) {
      await table.bulkAdd([...file.values(table.name)].map((value) => decode(value) as unknown))
    }
  } finally {
    memory.close()
  }
}

async function keepAll(file: RowFile, { name, onFailure }: DurableInit): Promise<void> {
  // Without a version or middleware: it shows everything as it is.
  const memory = new Dexie(name)
  try {
    await memory.open()
    const rows: RowChange[] = []
    for (const table of memory.tables) {
      await table.each((value: unknown, { primaryKey }) => {
        rows.push({ table: table.name, key: encode(primaryKey), value: encode(value) })
      })
    }
    const specs = memory.tables.map(({ name, schema: { primKey, indexes } }): [string, string] => [
      name,
      [primKey, ...indexes].map(({ src }) => src).join(),
    ])
    file.replace({ version: memory.verno, tables: Object.fromEntries(specs) }, rows)
  } catch (error) {
    onFailure(error)
  } finally {
    memory.close()
  }
}

/** Writes down what each transaction changes, and gives it to the file when the transaction ends well. */
function recorder(file: RowFile, { onFailure }: DurableInit): Middleware<DBCore> {
  const changes = new WeakMap<DBCoreTransaction, RowChange[]>()

  function changesIn(transaction: DBCoreTransaction): RowChange[] {
    const known = changes.get(transaction)
    if (known !== undefined) return known
    const list: RowChange[] = []
    changes.set(transaction, list)
    const { mode } = native(transaction)
    // An upgrade is kept as a whole once it has ended: see `keepAll`.
    if (mode === 'versionchange') return list
    native(transaction).addEventListener('complete', () => {
      try {
        file.commit(list)
      } catch (error) {
        onFailure(error)
      }
    })
    return list
  }

  return {
    stack: 'dbcore',
    name: 'recorder',
    level: LOWEST_LEVEL,
    create: (core) => ({
      ...core,
      table: (name) => recorded(core.table(name), changesIn),
    }),
  }
}

function recorded(
  table: DBCoreTable,
  changesIn: (transaction: DBCoreTransaction) => RowChange[],
): DBCoreTable {
  const { name } = table
  const { primaryKey } = table.schema

  const mutate = (request: DBCoreMutateRequest): ReturnType<DBCoreTable['mutate']> => {
    const { trans } = request
    if (request.type === 'deleteRange') {
      const { range } = request
      return table
        .query({ trans, values: false, query: { index: primaryKey, range } })
        .then(({ result: keys }) => mutate({ type: 'delete', trans, keys }))
    }
    // Encoded at once: whoever made the row may change it afterwards.
    const wanted: RowChange[] =
      request.type === 'delete'
        ? request.keys.map((key) => ({ table: name, key: encode(key), value: null }))
        : request.values.map((row: unknown) => ({
            table: name,
            key: encode(primaryKey.extractKey!(row)),
            value: encode(row),
          }))
    const changes = changesIn(trans)
    return table.mutate(request).then((response) => {
      changes.push(...wanted.filter((_, at) => !(at in response.failures)))
      return response
    })
  }

  return { ...table, mutate }
}

/** DBCore's transactions are IndexedDB's own. */
function native(transaction: DBCoreTransaction): IDBTransaction {
  return transaction as unknown as IDBTransaction
}
