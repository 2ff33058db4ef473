import { decode, encode } from 'cborg'
import {
  cmp,
  type DBCore,
  type DBCoreCursor,
  type DBCoreIndex,
  type DBCoreMutateRequest,
  type DBCoreQuery,
  type DBCoreTable,
  type Middleware,
} from 'dexie'
import {
  blindKey,
  blindRange,
  isBlinded,
  isInRange,
  propertiesOf,
  tieOf,
  type Blind,
} from './blind-ranges.ts'
import type { RowCipher } from './row-cipher.ts'
import { inOrder, sealedCursor, type OpenedRow } from './sealed-cursor.ts'

/** Below everything Dexie does itself, so that live queries and hooks see rows in clear. */
const LOWEST_LEVEL = -10

/** Rows read beyond a limit, so that those which may change places with the last are mostly there. */
const ROWS_BEYOND = 4

/** A row as it is stored: what its keys are made of, blinded, and all of it, sealed. */
interface SealedRow {
  row: Uint8Array
}

/**
 * Encrypts every row of a database. Stored are the properties that keys and indexes are made of, numbers as they are
 * and texts and bytes blinded, and the whole row, sealed. Above it rows, keys and ranges are in clear, and come in the
 * order of the keys in clear.
 *
 * A range costs what it reads as long as its ends differ first in a number. Where they differ in a text, all rows
 * that have the parts before it are read.
 *
 * Rows are what CBOR can tell: no dates, no maps, no sets. Their keys are properties of theirs, given by whoever
 * makes them; an index over the elements of a list is not supported.
 */
export function sealedTables(cipher: RowCipher): Middleware<DBCore> {
  return {
    stack: 'dbcore',
    name: 'sealed rows',
    level: LOWEST_LEVEL,
    create: (core) => ({
      ...core,
      table: (name) => sealedTable(core.table(name), cipher),
    }),
  }
}

function sealedTable(table: DBCoreTable, cipher: RowCipher): DBCoreTable {
  const { name, schema } = table
  const { primaryKey, indexes } = schema
  if (
    primaryKey.outbound === true ||
    primaryKey.autoIncrement === true ||
    indexes.some(({ multiEntry }) => multiEntry)
  ) {
    throw new TypeError(`table ${name} has a key that cannot be sealed`)
  }
  const keyed = new Set([primaryKey, ...indexes].flatMap(propertiesOf))
  const tableName = new TextEncoder().encode(name)

  const blind: Blind = (property, value) => cipher.blind(`${name}.${property}`, value)

  const blindPrimaryKey = (key: unknown): unknown => blindKey(primaryKey, key, blind)

  function seal(row: object): SealedRow {
    const stored: Record<string, unknown> = {}
    for (const property of keyed) {
      const value = (row as Record<string, unknown>)[property]
      // Anything else is no key: such a row is not in that index.
      if (typeof value === 'number') stored[property] = value
      else if (isBlinded(value)) stored[property] = blind(property, value)
    }
    return { ...stored, row: cipher.seal(encode(row), contextOf(stored)) }
  }

  function open(stored: unknown): object | undefined {
    if (stored === undefined) return undefined
    const { row, ...keys } = stored as SealedRow & Record<string, unknown>
    return decode(cipher.open(row, contextOf(keys))) as object
  }

  /** A sealed row opens only in its own table and under its own primary key. */
  function contextOf(stored: Record<string, unknown>): Uint8Array {
    return encode([tableName, propertiesOf(primaryKey).map((property) => stored[property])])
  }

  function opened(index: DBCoreIndex, stored: unknown, fixedParts: number): OpenedRow {
    const value = open(stored)
    const key: unknown = index.extractKey!(value)
    return {
      key,
      primaryKey: primaryKey.extractKey!(value) as unknown,
      value,
      tie: tieOf(key, fixedParts),
    }
  }

  /** All rows meant by the query up to `limit`, in order. */
  function read(
    request: Parameters<DBCoreTable['query']>[0],
    limit: number,
    count: number,
  ): PromiseLike<OpenedRow[]> {
    const { index, range } = request.query
    const reverse = request.direction?.startsWith('prev') === true
    const { range: stored, fixedParts } = blindRange(index, range, blind)
    return table
      .query({ ...request, values: true, limit: count, query: { index, range: stored } })
      .then(({ result }) => {
        const rows = result.map((each) => opened(index, each, fixedParts))
        const complete = rows.length < count
        if (!complete) dropLastTie(rows)
        const meant = rows.filter(({ key }) => isInRange(range, key))
        if (!complete && meant.length < limit) return read(request, limit, count * 2)
        return inOrder(meant, reverse).slice(0, limit)
      })
  }

  const isExact = ({ index, range }: DBCoreQuery): boolean => blindRange(index, range, blind).exact

  const blindQuery = ({ index, range }: DBCoreQuery): DBCoreQuery => ({
    index,
    range: blindRange(index, range, blind).range,
  })

  const query: DBCoreTable['query'] = (request) => {
    const { limit = Infinity, values } = request
    return read(request, limit, limit + ROWS_BEYOND).then((rows) => ({
      result: rows.map((row) => (values === true ? row.value : row.primaryKey)),
    })) as ReturnType<DBCoreTable['query']>
  }

  function mutateSealed(request: DBCoreMutateRequest): ReturnType<DBCoreTable['mutate']> {
    switch (request.type) {
      case 'add':
      case 'put': {
        const { trans, values } = request
        const keys = values.map((row) => primaryKey.extractKey!(row) as unknown)
        const sealed = values.map((row) => seal(row as object))
        return table.mutate({ type: request.type, trans, values: sealed }).then((response) => ({
          ...response,
          results: keys.map((key, at) => (at in response.failures ? undefined : key)),
          lastResult: keys.at(-1),
        }))
      }
      case 'delete': {
        const { trans, keys } = request
        return table
          .mutate({ type: 'delete', trans, keys: keys.map(blindPrimaryKey) })
          .then((response) => ({ ...response, results: keys }))
      }
      case 'deleteRange': {
        const { trans, range } = request
        const meant = { index: primaryKey, range }
        if (isExact(meant)) {
          return table.mutate({ type: 'deleteRange', trans, range: blindQuery(meant).range })
        }
        return query({ trans, values: false, query: meant }).then(({ result: keys }) =>
          mutateSealed({ type: 'delete', trans, keys }),
        )
      }
    }
  }

  return {
    ...table,
    mutate: mutateSealed,
    query,
    get: (request) => table.get({ ...request, key: blindPrimaryKey(request.key) }).then(open),
    getMany: (request) =>
      table
        .getMany({ ...request, keys: request.keys.map(blindPrimaryKey) })
        .then((rows) => rows.map(open)),
    count: (request) =>
      isExact(request.query)
        ? table.count({ ...request, query: blindQuery(request.query) })
        : query({ ...request, values: false }).then(({ result }) => result.length),
    openCursor: (request) => {
      const { index, range } = request.query
      const { range: stored, fixedParts } = blindRange(index, range, blind)
      const openRow = (cursor: DBCoreCursor): OpenedRow | null => {
        const row = opened(index, cursor.value, fixedParts)
        return isInRange(range, row.key) ? row : null
      }
      return table
        .openCursor({ ...request, values: true, unique: false, query: { index, range: stored } })
        .then(
          (cursor) =>
            cursor &&
            sealedCursor(cursor, {
              reverse: request.reverse === true,
              unique: request.unique === true,
              open: openRow,
            }),
        )
    },
  }
}

/** The rows after the last ones may belong between them: those are left out. */
function dropLastTie(rows: OpenedRow[]): void {
  const last = rows.at(-1)!.tie
  while (rows.length > 0 && cmp(rows.at(-1)!.tie, last) === 0) rows.pop()
}
