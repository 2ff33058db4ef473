import { cmp, type DBCoreCursor } from 'dexie'

/** A row as it is read, with its keys in clear. */
export interface OpenedRow {
  key: unknown
  primaryKey: unknown
  value: unknown
  /** What it has in common with those it may have to change places with. See `tieOf`. */
  tie: readonly unknown[]
}

export interface SealedCursorInit {
  reverse: boolean
  /** Of rows with the same key only the first. */
  unique: boolean
  /** The row under the cursor; null when it is none of those meant. */
  open: (cursor: DBCoreCursor) => OpenedRow | null
}

/** Puts rows, in place, into the order of their keys, and of their primary keys where those are the same. */
export function inOrder(rows: OpenedRow[], reverse: boolean): OpenedRow[] {
  const sign = reverse ? -1 : 1
  return rows.sort((a, b) => sign * (cmp(a.key, b.key) || cmp(a.primaryKey, b.primaryKey)))
}

/**
 * A cursor over opened rows in the order of their keys, from one over sealed rows in the order of the blinded keys.
 * Those that may have to change places are gathered first, which is all of the range when the first part of the key
 * that differs is blinded.
 *
 * An object of closures: Dexie's own layers wrap cursors by inheriting from them.
 */
export function sealedCursor(
  cursor: DBCoreCursor,
  { reverse, unique, open }: SealedCursorInit,
): DBCoreCursor {
  /** Rows of the present tie, not yet in order. */
  let tied: OpenedRow[] = []
  let current: OpenedRow | null = null
  /** Where the reader wants to go on: rows before it are passed over. */
  let target: { key: unknown } | null = null
  let passing = 0
  let end: { value: unknown } | { error: Error } | null = null
  let done = false
  let onNext = (): void => undefined

  const isBefore = (a: unknown, b: unknown): boolean => (reverse ? cmp(a, b) > 0 : cmp(a, b) < 0)

  function isPassedOver({ key }: OpenedRow): boolean {
    if (target !== null && isBefore(key, target.key)) return true
    if (unique && current !== null && cmp(current.key, key) === 0) return true
    target = null
    passing = Math.max(0, passing - 1)
    return passing > 0
  }

  /** Shows the gathered rows to the reader, who moves on or stops in the same turn. */
  function show(): void {
    const rows = inOrder(tied, reverse)
    tied = []
    for (const row of rows) {
      if (end !== null) return
      if (isPassedOver(row)) continue
      current = row
      onNext()
    }
  }

  function start(reader: () => void): Promise<unknown> {
    onNext = reader
    return cursor
      .start(() => {
        const row = open(cursor)
        if (row !== null) {
          if (tied.length > 0 && cmp(tied[0]!.tie, row.tie) !== 0) show()
          tied.push(row)
        }
        if (end === null) cursor.continue()
        else if ('error' in end) cursor.fail(end.error)
        else cursor.stop()
      })
      .then(() => {
        if (end === null) show()
        done = true
        if (end === null) return undefined
        if ('error' in end) throw end.error
        return end.value
      })
  }

  return {
    get trans() {
      return cursor.trans
    },
    get key() {
      return current?.key
    },
    get primaryKey() {
      return current?.primaryKey
    },
    get value() {
      return current?.value
    },
    get done() {
      return done
    },
    start,
    continue(key?: unknown) {
      if (key !== undefined && key !== null) target = { key }
    },
    continuePrimaryKey(key: unknown) {
      target = { key }
    },
    advance(count) {
      passing = count
    },
    stop(value?: unknown) {
      end = { value }
    },
    fail(error) {
      end = { error }
    },
    async next() {
      await start(() => {
        end = { value: undefined }
      })
      return this
    },
  }
}
