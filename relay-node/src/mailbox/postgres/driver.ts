/** What our values are to the driver, and its errors to us. */
import pg from 'pg'
import { MailboxFullError, MailboxStoreError, VolatileStoreError } from '../errors.ts'

/** The driver takes bytes as Buffers. */
export function parameters(values: readonly unknown[]): unknown[] {
  return values.map((value): unknown => {
    if (value instanceof Uint8Array) {
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    }
    return Array.isArray(value) ? parameters(value) : value
  })
}

/** Whole numbers of 64 bits become numbers, of which ours are; by themselves they would be texts. */
export function wholeNumbers(): pg.TypeOverrides {
  const types = new pg.TypeOverrides()
  types.setTypeParser(pg.types.builtins.INT8, Number)
  return types
}

/** Of a database's error (https://www.postgresql.org/docs/current/errcodes-appendix.html); empty when there is none. */
export function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : ''
}

/** Without what the database adds of the rows it is about. */
export function storeError(error: unknown): unknown {
  if (error instanceof MailboxFullError || error instanceof VolatileStoreError) return error
  const message = error instanceof Error ? error.message : String(error)
  // Where a name has many addresses and none answers, the code alone says so.
  return new MailboxStoreError(`the database of mailboxes: ${message || codeOf(error)}`)
}
