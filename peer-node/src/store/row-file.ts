import { DatabaseSync } from 'node:sqlite'
import { decode, encode } from 'cborg'
import * as v from 'valibot'
import { check } from '#lib/protocol/check.ts'
import { FolderInUseError } from '../errors.ts'

/** A table's row as it is kept, or that there is none any more. */
export interface RowChange {
  table: string
  key: Uint8Array
  /** Null deletes. */
  value: Uint8Array | null
}

const shapeSchema = v.strictObject({
  version: v.number(),
  /** By name, as Dexie writes them: the primary key, then the indexes. */
  tables: v.record(v.string(), v.string()),
})

/** What the rows are rows of. */
export type Shape = v.InferOutput<typeof shapeSchema>

/** What is kept beside the rows. */
export type FactName = 'shape' | 'keyring' | 'passphrase'

/** https://www.sqlite.org/rescode.html#busy */
const SQLITE_BUSY = 5

/**
 * Rows of tables in one SQLite file, for one process. What `commit` was given is on the disk when it returns: all of
 * it, also when the power goes then, or none. It is synchronous, so nobody sees a change that may still be lost.
 */
export class RowFile {
  readonly #db: DatabaseSync

  private constructor(db: DatabaseSync) {
    this.#db = db
  }

  /** @throws FolderInUseError, or what SQLite says of a file that is none of its own */
  static open(path: string): RowFile {
    const db = new DatabaseSync(path)
    try {
      db.exec(`
        PRAGMA locking_mode = EXCLUSIVE;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        BEGIN EXCLUSIVE;
        CREATE TABLE IF NOT EXISTS facts (name TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL);
        CREATE TABLE IF NOT EXISTS rows (
          name TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY (name, key)
        ) WITHOUT ROWID;
        COMMIT`)
    } catch (cause) {
      db.close()
      if (!isBusy(cause)) throw cause
      throw new FolderInUseError(`${path} is in use by another peer`, { cause })
    }
    return new RowFile(db)
  }

  /** Whatever was given to `know`; null while nothing was. */
  fact(name: FactName): unknown {
    const row = this.#db.prepare('SELECT value FROM facts WHERE name = ?').get(name)
    return row === undefined ? null : decode(check(v.instance(Uint8Array), row['value']))
  }

  /** Durable when it returns. Null forgets. */
  know(name: FactName, value: unknown): void {
    this.#inTransaction(() => {
      this.#know(name, value)
    })
  }

  /** Null while there are no rows. @throws InvalidDataError */
  shape(): Shape | null {
    const shape = this.fact('shape')
    return shape === null ? null : check(shapeSchema, shape)
  }

  *values(table: string): Iterable<Uint8Array> {
    const rows = this.#db.prepare('SELECT value FROM rows WHERE name = ?').iterate(table)
    for (const { value } of rows) yield check(v.instance(Uint8Array), value)
  }

  commit(changes: Iterable<RowChange>): void {
    this.#inTransaction(() => {
      this.#apply(changes)
    })
  }

  /** Keeps these rows of this shape instead of all there are. */
  replace(shape: Shape, rows: Iterable<RowChange>): void {
    this.#inTransaction(() => {
      this.#db.exec('DELETE FROM rows')
      this.#know('shape', shape)
      this.#apply(rows)
    })
  }

  close(): void {
    this.#db.close()
  }

  #know(name: FactName, value: unknown): void {
    if (value === null) this.#db.prepare('DELETE FROM facts WHERE name = ?').run(name)
    else this.#db.prepare('INSERT OR REPLACE INTO facts VALUES (?, ?)').run(name, encode(value))
  }

  #apply(changes: Iterable<RowChange>): void {
    const put = this.#db.prepare('INSERT OR REPLACE INTO rows VALUES (?, ?, ?)')
    const remove = this.#db.prepare('DELETE FROM rows WHERE name = ? AND key = ?')
    for (const { table, key, value } of changes) {
      if (value === null) remove.run(table, key)
      else put.run(table, key, value)
    }
  }

  #inTransaction(work: () => void): void {
    this.#db.exec('BEGIN')
    try {
      work()
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      throw error
    }
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
}
