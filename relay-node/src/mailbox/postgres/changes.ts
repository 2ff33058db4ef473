import type pg from 'pg'
import { MailboxFullError } from '../errors.ts'
import type { Usage } from '../store.ts'
import { codeOf, parameters, storeError } from './driver.ts'

/** How often a transaction is begun again that the database could not put in order with others. */
const MAX_TRIES = 8

/** Serialization failure and deadlock (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const BEGIN_AGAIN = new Set(['40001', '40P01'])

/** The transactions that change something: one after another, of all relays. */
export class Changes {
  readonly #pool: pg.Pool
  readonly #quota: number

  /** @param quota of what all mailboxes hold together, bytes */
  constructor(pool: pg.Pool, quota: number) {
    this.#pool = pool
    this.#quota = quota
  }

  /** Does this once its turn has come. It may be begun again. @throws MailboxFullError, MailboxStoreError */
  async run<T>(work: (change: Change) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#try(work)
      } catch (error) {
        if (tries === MAX_TRIES || !BEGIN_AGAIN.has(codeOf(error))) throw storeError(error)
      }
    }
  }

  async #try<T>(work: (change: Change) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect()
    let isBroken = false
    try {
      await client.query('BEGIN')
      const { rows } = await client.query<Usage>(
        'SELECT items, bytes FROM starling_store FOR UPDATE',
      )
      const change = new Change(client, rows[0]!, this.#quota)
      const result = await work(change)
      await change.end()
      await client.query('COMMIT')
      return result
    } catch (error) {
      isBroken = !(await rollBack(client))
      throw error
    } finally {
      client.release(isBroken)
    }
  }
}

/** Whether the connection can be used again. */
async function rollBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query('ROLLBACK')
    return true
  } catch {
    // The connection ended, and the transaction with it.
    return false
  }
}

/** A transaction that holds the lock, and what it changes of what all mailboxes hold. */
export class Change {
  readonly #client: pg.PoolClient
  readonly #before: Usage
  readonly #quota: number
  readonly #grown: Usage = { items: 0, bytes: 0 }

  constructor(client: pg.PoolClient, before: Usage, quota: number) {
    this.#client = client
    this.#before = before
    this.#quota = quota
  }

  query<Row extends pg.QueryResultRow>(
    sql: string,
    values: readonly unknown[],
  ): Promise<pg.QueryResult<Row>> {
    return this.#client.query<Row>(sql, parameters(values))
  }

  grow(items: number, bytes: number): void {
    this.#grown.items += items
    this.#grown.bytes += bytes
  }

  hasRoom(bytes: number): boolean {
    return this.#before.bytes + this.#grown.bytes + bytes <= this.#quota
  }

  /** @throws MailboxFullError */
  requireRoom(): void {
    if (!this.hasRoom(0)) throw new MailboxFullError('relay')
  }

  async end(): Promise<void> {
    const { items, bytes } = this.#grown
    if (items === 0 && bytes === 0) return
    await this.query('UPDATE starling_store SET items = items + $1, bytes = bytes + $2', [
      items,
      bytes,
    ])
  }
}
