import type pg from 'pg'
import type { Logger } from '#lib/protocol/seams.ts'
import { MailboxFullError } from './errors.ts'
import { GroupCommit } from './group-commit.ts'
import { type Change, Changes } from './postgres/changes.ts'
import { parameters, storeError } from './postgres/driver.ts'
import { entryOf, forget, ITEM_COLUMNS, type ItemRow, putItems } from './postgres/items.ts'
import { connect, type PoolInit } from './postgres/pool.ts'
import {
  type ConstantName,
  type Entry,
  type MailboxId,
  type MailboxStore,
  type NewItem,
  type Prekeys,
  type Quotas,
  ROW_BYTES,
  sizeOf,
  type Taken,
  type Usage,
  type Wake,
} from './store.ts'

/** Puts of one transaction: with the longest items it has 12 MB. */
const MAX_PUTS_TOGETHER = 256

export interface PostgresMailboxStoreInit extends PoolInit {
  quotas: Quotas
}

interface Put {
  item: NewItem
  outcome: Entry | MailboxFullError | null
}

/**
 * Mailboxes in a database that speaks PostgreSQL's protocol, for any number of relays.
 *
 * One row, locked first, orders all changes of all relays: so quotas hold, numbers of a mailbox become visible in
 * order, and nothing waits in a circle. What is put while another change is under way becomes one transaction, so that
 * the lock and the disk's `fsync` are paid once for many. The SQL is what CockroachDB and YugabyteDB know too.
 */
export class PostgresMailboxStore implements MailboxStore {
  readonly #pool: pg.Pool
  readonly #changes: Changes
  readonly #quotas: Quotas
  readonly #commits = new GroupCommit<Put>((puts) => this.#putAll(puts), MAX_PUTS_TOGETHER)

  private constructor(pool: pg.Pool, quotas: Quotas) {
    this.#pool = pool
    this.#changes = new Changes(pool, quotas.relay)
    this.#quotas = quotas
  }

  /** Makes tables where there are none. @throws MailboxStoreError, VolatileStoreError */
  static async open(
    components: { log: Logger },
    init: PostgresMailboxStoreInit,
  ): Promise<PostgresMailboxStore> {
    return new PostgresMailboxStore(await connect(components, init), init.quotas)
  }

  async constant(name: ConstantName, value: Uint8Array): Promise<Uint8Array> {
    await this.#query(
      'INSERT INTO starling_constant (name, value) VALUES ($1, $2) ON CONFLICT DO NOTHING',
      [name, value],
    )
    const { rows } = await this.#query<{ value: Buffer }>(
      'SELECT value FROM starling_constant WHERE name = $1',
      [name],
    )
    return Uint8Array.from(rows[0]!.value)
  }

  async put(item: NewItem): Promise<Entry> {
    const put: Put = { item, outcome: null }
    await this.#commits.commit([put])
    if (put.outcome instanceof MailboxFullError) throw put.outcome
    return put.outcome!
  }

  async list(mailbox: MailboxId, after: number, limit: number, nowMs: number): Promise<Entry[]> {
    const { rows } = await this.#query<ItemRow>(
      `SELECT ${ITEM_COLUMNS} FROM starling_item i
       WHERE i.mailbox = $1 AND i.number > $2 AND i.expires_at > $3 ORDER BY i.number LIMIT $4`,
      [mailbox, after, nowMs, limit],
    )
    return rows.map(entryOf)
  }

  async read(mailbox: MailboxId, numbers: readonly number[]): Promise<Map<number, Uint8Array>> {
    const { rows } = await this.#query<{ number: number; bytes: Buffer }>(
      'SELECT number, bytes FROM starling_item WHERE mailbox = $1 AND number = ANY($2::bigint[])',
      [mailbox, numbers],
    )
    return new Map(rows.map(({ number, bytes }) => [number, Uint8Array.from(bytes)]))
  }

  async remove(mailbox: MailboxId, numbers: readonly number[], nowMs: number): Promise<void> {
    await this.#changes.run(async (change) => {
      const { rows } = await change.query<ItemRow>(
        `DELETE FROM starling_item i WHERE i.mailbox = $1 AND i.number = ANY($2::bigint[])
         RETURNING ${ITEM_COLUMNS}`,
        [mailbox, numbers],
      )
      await forget(change, rows, nowMs)
    })
  }

  async publish(mailbox: MailboxId, prekeys: Prekeys): Promise<void> {
    const { second, bundle, oneTime, expiresAtMs } = prekeys
    await this.#changes.run(async (change) => {
      const { rows } = await change.query<{ second: number; bytes: number }>(
        'SELECT second, bytes FROM starling_prekeys WHERE mailbox = $1',
        [mailbox],
      )
      const [before] = rows
      if (before !== undefined && before.second >= second) return
      const bytes = sizeOf(bundle, ...oneTime)
      change.grow(0, bytes - (before?.bytes ?? 0))
      change.requireRoom()
      await change.query('DELETE FROM starling_one_time WHERE mailbox = $1', [mailbox])
      await change.query(
        `INSERT INTO starling_prekeys (mailbox, second, bundle, bytes, expires_at)
         VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (mailbox) DO UPDATE SET second = excluded.second, bundle = excluded.bundle,
           bytes = excluded.bytes, expires_at = excluded.expires_at`,
        [mailbox, second, bundle, bytes, expiresAtMs],
      )
      await change.query(
        `INSERT INTO starling_one_time (mailbox, number, bytes)
         SELECT $1::bytea, n.number, n.bytes FROM unnest($2::bigint[], $3::bytea[]) AS n (number, bytes)`,
        [mailbox, oneTime.map((_, at) => at), oneTime],
      )
    })
  }

  async oneTimeLeft(mailbox: MailboxId, nowMs: number): Promise<number | null> {
    const { rows } = await this.#query<{ left: number }>(
      `SELECT (SELECT count(*) FROM starling_one_time o WHERE o.mailbox = p.mailbox) AS "left"
       FROM starling_prekeys p WHERE p.mailbox = $1 AND p.expires_at > $2`,
      [mailbox, nowMs],
    )
    return rows[0]?.left ?? null
  }

  async take(mailbox: MailboxId, oneTime: boolean, nowMs: number): Promise<Taken | null> {
    const { rows } = await this.#query<{ bundle: Buffer; left: boolean }>(
      `SELECT bundle, EXISTS (SELECT 1 FROM starling_one_time o WHERE o.mailbox = $1) AS "left"
       FROM starling_prekeys WHERE mailbox = $1 AND expires_at > $2`,
      [mailbox, nowMs],
    )
    const [prekeys] = rows
    if (prekeys === undefined) return null
    const bundle = Uint8Array.from(prekeys.bundle)
    if (!oneTime || !prekeys.left) return { bundle, oneTime: null }
    return await this.#changes.run((change) => takeOneTime(change, mailbox, nowMs))
  }

  async wakeAt(mailbox: MailboxId, { second, endpoint, expiresAtMs }: Wake): Promise<void> {
    await this.#changes.run(async (change) => {
      const { rows } = await change.query<{ second: number }>(
        'SELECT second FROM starling_wake WHERE mailbox = $1',
        [mailbox],
      )
      const [before] = rows
      if (before !== undefined && before.second >= second) return
      if (before === undefined) change.grow(0, ROW_BYTES)
      change.requireRoom()
      await change.query(
        `INSERT INTO starling_wake (mailbox, second, endpoint, expires_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT (mailbox) DO UPDATE SET second = excluded.second,
           endpoint = excluded.endpoint, expires_at = excluded.expires_at`,
        [mailbox, second, endpoint, expiresAtMs],
      )
    })
  }

  async wake(mailbox: MailboxId, nowMs: number): Promise<Wake | null> {
    const { rows } = await this.#query<{
      second: number
      endpoint: string | null
      expires_at: number
    }>(
      'SELECT second, endpoint, expires_at FROM starling_wake WHERE mailbox = $1 AND expires_at > $2',
      [mailbox, nowMs],
    )
    const [row] = rows
    if (row === undefined) return null
    return { second: row.second, endpoint: row.endpoint, expiresAtMs: row.expires_at }
  }

  async sweep(nowMs: number, limit: number): Promise<number> {
    return await this.#changes.run(async (change) => {
      const { rows: items } = await change.query<ItemRow>(
        `DELETE FROM starling_item i WHERE (i.mailbox, i.number) IN
           (SELECT mailbox, number FROM starling_item WHERE expires_at <= $1
            ORDER BY expires_at LIMIT $2)
         RETURNING ${ITEM_COLUMNS}`,
        [nowMs, limit],
      )
      await forget(change, items, nowMs)
      let removed = items.length
      const { rows: prekeys } = await change.query<{ mailbox: Buffer; bytes: number }>(
        `DELETE FROM starling_prekeys WHERE mailbox IN
           (SELECT mailbox FROM starling_prekeys WHERE expires_at <= $1 LIMIT $2)
         RETURNING mailbox, bytes`,
        [nowMs, limit - removed],
      )
      const owners = prekeys.map(({ mailbox }) => mailbox)
      await change.query('DELETE FROM starling_one_time WHERE mailbox = ANY($1::bytea[])', [owners])
      removed += prekeys.length
      const { rowCount: wakes } = await change.query(
        `DELETE FROM starling_wake WHERE mailbox IN
           (SELECT mailbox FROM starling_wake WHERE expires_at <= $1 LIMIT $2)`,
        [nowMs, limit - removed],
      )
      removed += wakes!
      const { rowCount: empty } = await change.query(
        `DELETE FROM starling_mailbox WHERE id IN
           (SELECT id FROM starling_mailbox WHERE gone_at <= $1 LIMIT $2)`,
        [nowMs, limit - removed],
      )
      removed += empty!
      change.grow(0, -sumOf(prekeys) - ROW_BYTES * (wakes! + empty!))
      return removed
    })
  }

  async usage(): Promise<Usage> {
    const { rows } = await this.#query<Usage>('SELECT items, bytes FROM starling_store')
    return rows[0]!
  }

  async close(): Promise<void> {
    await this.#commits.idle()
    await this.#pool.end()
  }

  async #putAll(puts: readonly Put[]): Promise<void> {
    const outcomes = await this.#changes.run((change) =>
      putItems(
        change,
        this.#quotas,
        puts.map(({ item }) => item),
      ),
    )
    for (const [at, put] of puts.entries()) put.outcome = outcomes[at]!
  }

  async #query<Row extends pg.QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<pg.QueryResult<Row>> {
    try {
      return await this.#pool.query<Row>(sql, parameters(values))
    } catch (error) {
      throw storeError(error)
    }
  }
}

async function takeOneTime(
  change: Change,
  mailbox: MailboxId,
  nowMs: number,
): Promise<Taken | null> {
  const { rows } = await change.query<{ bundle: Buffer }>(
    'SELECT bundle FROM starling_prekeys WHERE mailbox = $1 AND expires_at > $2',
    [mailbox, nowMs],
  )
  const [prekeys] = rows
  if (prekeys === undefined) return null
  const bundle = Uint8Array.from(prekeys.bundle)
  const { rows: taken } = await change.query<{ bytes: Buffer }>(
    `DELETE FROM starling_one_time WHERE mailbox = $1
       AND number = (SELECT max(number) FROM starling_one_time WHERE mailbox = $1)
     RETURNING bytes`,
    [mailbox],
  )
  const [one] = taken
  if (one === undefined) return { bundle, oneTime: null }
  const bytes = sizeOf(one.bytes)
  change.grow(0, -bytes)
  await change.query('UPDATE starling_prekeys SET bytes = bytes - $2 WHERE mailbox = $1', [
    mailbox,
    bytes,
  ])
  return { bundle, oneTime: Uint8Array.from(one.bytes) }
}

function sumOf(rows: readonly { bytes: number }[]): number {
  return rows.reduce((sum, { bytes }) => sum + bytes, 0)
}
