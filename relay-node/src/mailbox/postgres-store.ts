import pg from 'pg'
import type { Logger } from '#lib/protocol/seams.ts'
import { MailboxFullError, MailboxStoreError, VolatileStoreError } from './errors.ts'
import { GroupCommit } from './group-commit.ts'
import { SCHEMA, SCHEMA_LOCK } from './postgres-schema.ts'
import {
  type ConstantName,
  EMPTY_MAILBOX_LIFE_MS,
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

/** Connections of one relay: one that changes, others that read. */
const MAX_CLIENTS = 8

/** Until a connection is there, and until a statement is done, waiting for another relay's turn included. */
const DATABASE_TIMEOUT_MS = 10_000

/** Puts of one transaction: with the longest items it has 12 MB. */
const MAX_PUTS_TOGETHER = 256

/** How often a transaction is begun again that the database could not put in order with others. */
const MAX_TRIES = 8

/** Serialization failure and deadlock (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
const BEGIN_AGAIN = new Set(['40001', '40P01'])

/** The same table: a function that is not there. */
const FEATURE_NOT_SUPPORTED = '0A000'

const STRANGERS = Buffer.alloc(0)

export interface PostgresMailboxStoreInit {
  /** `postgres://user:password@host/database`, as libpq takes it. */
  url: string
  quotas: Quotas
  /** Whether a database is taken that may lose what it has committed when the power goes. */
  mayForget: boolean
}

interface Put {
  item: NewItem
  outcome: Entry | MailboxFullError | null
}

interface ItemRow {
  mailbox: Buffer
  number: number
  id: Buffer
  sender: Buffer | null
  length: number
  stored_at: number
  expires_at: number
}

/** An item without its bytes. */
const ITEM_COLUMNS =
  'i.mailbox, i.number, i.id, i.sender, octet_length(i.bytes) AS length, i.stored_at, i.expires_at'

/**
 * Mailboxes in a database that speaks PostgreSQL's protocol, for any number of relays.
 *
 * One row, locked first, orders all changes of all relays: so quotas hold, numbers of a mailbox become visible in
 * order, and nothing waits in a circle. What is put while another change is under way becomes one transaction, so that
 * the lock and the disk's `fsync` are paid once for many. The SQL is what CockroachDB and YugabyteDB know too.
 */
export class PostgresMailboxStore implements MailboxStore {
  readonly #pool: pg.Pool
  readonly #quotas: Quotas
  readonly #commits = new GroupCommit<Put>((puts) => this.#putAll(puts), MAX_PUTS_TOGETHER)

  private constructor(pool: pg.Pool, quotas: Quotas) {
    this.#pool = pool
    this.#quotas = quotas
  }

  /** Makes tables where there are none. @throws MailboxStoreError, VolatileStoreError */
  static async open(
    { log }: { log: Logger },
    { url, quotas, mayForget }: PostgresMailboxStoreInit,
  ): Promise<PostgresMailboxStore> {
    const pool = new pg.Pool({
      connectionString: url,
      max: MAX_CLIENTS,
      application_name: 'starling-relay',
      connectionTimeoutMillis: DATABASE_TIMEOUT_MS,
      statement_timeout: DATABASE_TIMEOUT_MS,
      // A relay that stands still in a transaction holds up all others.
      idle_in_transaction_session_timeout: DATABASE_TIMEOUT_MS,
      types: parsers(),
    })
    const tell = (error: Error): void => {
      log.warn(`a connection to the database ended: ${error.message}`)
    }
    pool.on('error', tell)
    // Also between the statements of a transaction, when the pool does not listen.
    pool.on('connect', (client) => client.on('error', tell))
    try {
      if (!mayForget) await requireDurable(pool)
      await migrate(pool)
      return new PostgresMailboxStore(pool, quotas)
    } catch (error) {
      await pool.end()
      throw storeError(error)
    }
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
    await this.#change(async (change) => {
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
    await this.#change(async (change) => {
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
    return await this.#change((change) => takeOneTime(change, mailbox, nowMs))
  }

  async wakeAt(mailbox: MailboxId, { second, endpoint, expiresAtMs }: Wake): Promise<void> {
    await this.#change(async (change) => {
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
    return await this.#change(async (change) => {
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
    const outcomes = await this.#change((change) =>
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

  /** One transaction after another, of all relays. It may be begun again. */
  async #change<T>(work: (change: Change) => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#tryToChange(work)
      } catch (error) {
        if (tries === MAX_TRIES || !BEGIN_AGAIN.has(codeOf(error))) throw storeError(error)
      }
    }
  }

  async #tryToChange<T>(work: (change: Change) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect()
    let isBroken = false
    try {
      await client.query('BEGIN')
      const { rows } = await client.query<Usage>(
        'SELECT items, bytes FROM starling_store FOR UPDATE',
      )
      const change = new Change(client, rows[0]!, this.#quotas.relay)
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
class Change {
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

interface Box {
  id: Uint8Array
  last: number
  bytes: number
  isNew: boolean
}

interface Sender {
  mailbox: Uint8Array
  name: Uint8Array
  bytes: number
}

/** Puts those that are not there and fit. */
async function putItems(
  change: Change,
  quotas: Quotas,
  items: readonly NewItem[],
): Promise<(Entry | MailboxFullError)[]> {
  const known = await knownItems(change, items)
  const boxes = await boxesOf(change, items)
  const senders = await sendersOf(change, items)
  const added: (NewItem & Entry)[] = []
  const outcomes = items.map((item) => {
    const key = keyOf(item.mailbox, item.id)
    const there = known.get(key)
    if (there !== undefined) return there
    const { mailbox, sender, id, bytes, storedAtMs, expiresAtMs } = item
    const size = sizeOf(bytes)
    const box = boxes.get(keyOf(mailbox))!
    const of = senders.get(keyOf(mailbox, sender ?? STRANGERS))!
    const share = sender === null ? 'strangers' : 'sender'
    const counted = box.isNew ? size + ROW_BYTES : size
    if (box.bytes + size > quotas.mailbox) return new MailboxFullError('mailbox')
    if (of.bytes + size > quotas[share]) return new MailboxFullError(share)
    if (!change.hasRoom(counted)) return new MailboxFullError('relay')
    change.grow(1, counted)
    box.isNew = false
    box.last = Math.max(box.last + 1, storedAtMs)
    box.bytes += size
    of.bytes += size
    const number = box.last
    const { byteLength } = bytes
    const entry: Entry = { number, sender, id, byteLength, storedAtMs, expiresAtMs }
    known.set(key, entry)
    added.push({ ...item, ...entry })
    return entry
  })
  if (added.length > 0) await insert(change, added, [...boxes.values()], [...senders.values()])
  return outcomes
}

/** Those of the items that are there, by mailbox and id; those whose time is over are removed. */
async function knownItems(change: Change, items: readonly NewItem[]): Promise<Map<string, Entry>> {
  const { rows } = await change.query<ItemRow>(
    `SELECT ${ITEM_COLUMNS} FROM unnest($1::bytea[], $2::bytea[]) AS w (mailbox, id)
     JOIN starling_item i ON i.mailbox = w.mailbox AND i.id = w.id`,
    [items.map(({ mailbox }) => mailbox), items.map(({ id }) => id)],
  )
  const nowMs = Math.max(...items.map(({ storedAtMs }) => storedAtMs))
  const ended = rows.filter((row) => row.expires_at <= nowMs)
  if (ended.length > 0) {
    await change.query(
      `DELETE FROM starling_item i USING unnest($1::bytea[], $2::bigint[]) AS e (mailbox, number)
       WHERE i.mailbox = e.mailbox AND i.number = e.number`,
      [ended.map(({ mailbox }) => mailbox), ended.map(({ number }) => number)],
    )
    await forget(change, ended, nowMs)
  }
  const there = rows.filter((row) => row.expires_at > nowMs)
  return new Map(there.map((row) => [keyOf(row.mailbox, row.id), entryOf(row)]))
}

async function boxesOf(change: Change, items: readonly NewItem[]): Promise<Map<string, Box>> {
  const boxes = new Map<string, Box>()
  for (const { mailbox } of items) {
    boxes.set(keyOf(mailbox), { id: mailbox, last: 0, bytes: 0, isNew: true })
  }
  const { rows } = await change.query<{ id: Buffer; last: number; bytes: number }>(
    'SELECT id, last, bytes FROM starling_mailbox WHERE id = ANY($1::bytea[])',
    [[...boxes.values()].map(({ id }) => id)],
  )
  for (const row of rows) boxes.set(keyOf(row.id), { ...row, isNew: false })
  return boxes
}

async function sendersOf(change: Change, items: readonly NewItem[]): Promise<Map<string, Sender>> {
  const senders = new Map<string, Sender>()
  for (const { mailbox, sender } of items) {
    const name = sender ?? STRANGERS
    senders.set(keyOf(mailbox, name), { mailbox, name, bytes: 0 })
  }
  const wanted = [...senders.values()]
  const { rows } = await change.query<{ mailbox: Buffer; name: Buffer; bytes: number }>(
    `SELECT s.mailbox, s.name, s.bytes FROM unnest($1::bytea[], $2::bytea[]) AS w (mailbox, name)
     JOIN starling_sender s ON s.mailbox = w.mailbox AND s.name = w.name`,
    [wanted.map(({ mailbox }) => mailbox), wanted.map(({ name }) => name)],
  )
  for (const row of rows) senders.set(keyOf(row.mailbox, row.name), row)
  return senders
}

async function insert(
  change: Change,
  items: readonly (NewItem & Entry)[],
  boxes: readonly Box[],
  senders: readonly Sender[],
): Promise<void> {
  await change.query(
    `INSERT INTO starling_item (mailbox, number, id, sender, bytes, stored_at, expires_at)
     SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[],
       $6::bigint[], $7::bigint[])`,
    [
      items.map(({ mailbox }) => mailbox),
      items.map(({ number }) => number),
      items.map(({ id }) => id),
      items.map(({ sender }) => sender),
      items.map(({ bytes }) => bytes),
      items.map(({ storedAtMs }) => storedAtMs),
      items.map(({ expiresAtMs }) => expiresAtMs),
    ],
  )
  // Where everything was refused nothing has changed.
  const changed = boxes.filter(({ bytes }) => bytes > 0)
  await change.query(
    `INSERT INTO starling_mailbox (id, last, bytes)
     SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[])
     ON CONFLICT (id) DO UPDATE SET last = excluded.last, bytes = excluded.bytes, gone_at = NULL`,
    [
      changed.map(({ id }) => id),
      changed.map(({ last }) => last),
      changed.map(({ bytes }) => bytes),
    ],
  )
  const sent = senders.filter(({ bytes }) => bytes > 0)
  await change.query(
    `INSERT INTO starling_sender (mailbox, name, bytes)
     SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[])
     ON CONFLICT (mailbox, name) DO UPDATE SET bytes = excluded.bytes`,
    [
      sent.map(({ mailbox }) => mailbox),
      sent.map(({ name }) => name),
      sent.map(({ bytes }) => bytes),
    ],
  )
}

/** Takes removed items off what their mailboxes and senders hold. */
async function forget(change: Change, items: readonly ItemRow[], nowMs: number): Promise<void> {
  if (items.length === 0) return
  const boxes = new Map<string, { id: Buffer; bytes: number }>()
  const senders = new Map<string, Sender>()
  for (const { mailbox, sender, length } of items) {
    const size = ROW_BYTES + length
    const name = sender ?? STRANGERS
    const box = boxes.get(keyOf(mailbox)) ?? { id: mailbox, bytes: 0 }
    const of = senders.get(keyOf(mailbox, name)) ?? { mailbox, name, bytes: 0 }
    boxes.set(keyOf(mailbox), { ...box, bytes: box.bytes + size })
    senders.set(keyOf(mailbox, name), { ...of, bytes: of.bytes + size })
    change.grow(-1, -size)
  }
  const from = [...boxes.values()]
  await change.query(
    `UPDATE starling_mailbox m SET bytes = m.bytes - d.bytes,
       gone_at = CASE WHEN m.bytes = d.bytes THEN $3::bigint END
     FROM unnest($1::bytea[], $2::bigint[]) AS d (id, bytes) WHERE m.id = d.id`,
    [from.map(({ id }) => id), from.map(({ bytes }) => bytes), nowMs + EMPTY_MAILBOX_LIFE_MS],
  )
  const by = [...senders.values()]
  const mailboxes = by.map(({ mailbox }) => mailbox)
  await change.query(
    `UPDATE starling_sender s SET bytes = s.bytes - d.bytes
     FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) AS d (mailbox, name, bytes)
     WHERE s.mailbox = d.mailbox AND s.name = d.name`,
    [mailboxes, by.map(({ name }) => name), by.map(({ bytes }) => bytes)],
  )
  await change.query('DELETE FROM starling_sender WHERE mailbox = ANY($1::bytea[]) AND bytes = 0', [
    mailboxes,
  ])
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

/** Makes what is not there. */
async function migrate(pool: pg.Pool): Promise<void> {
  const client = await pool.connect()
  try {
    await lockSchema(client)
    for (const statement of SCHEMA) await client.query(statement)
  } finally {
    // The lock ends with the connection.
    client.release(true)
  }
}

/** Two relays that make the same table at once would disturb each other. */
async function lockSchema(client: pg.PoolClient): Promise<void> {
  try {
    await client.query('SELECT pg_advisory_lock($1)', [SCHEMA_LOCK])
  } catch (error) {
    // YugabyteDB before 2025.1 has no such lock: there the first relay is to be started alone.
    if (codeOf(error) !== FEATURE_NOT_SUPPORTED) throw error
  }
}

/** A receipt says that an item outlives a power cut: a commit must mean that too. @throws VolatileStoreError */
async function requireDurable(pool: pg.Pool): Promise<void> {
  for (const setting of ['synchronous_commit', 'fsync']) {
    // Where it is not known, as in CockroachDB, commits are always durable.
    const { rows } = await pool.query<{ value: string | null }>(
      'SELECT current_setting($1, true) AS value',
      [setting],
    )
    if (rows[0]?.value === 'off') throw new VolatileStoreError(setting)
  }
}

function entryOf(row: ItemRow): Entry {
  return {
    number: row.number,
    sender: row.sender === null ? null : Uint8Array.from(row.sender),
    id: Uint8Array.from(row.id),
    byteLength: row.length,
    storedAtMs: row.stored_at,
    expiresAtMs: row.expires_at,
  }
}

function sumOf(rows: readonly { bytes: number }[]): number {
  return rows.reduce((sum, { bytes }) => sum + bytes, 0)
}

function keyOf(...parts: readonly Uint8Array[]): string {
  return parts.map((part) => Buffer.from(part).toString('hex')).join('!')
}

/** The driver takes bytes as Buffers. */
function parameters(values: readonly unknown[]): unknown[] {
  return values.map((value): unknown => {
    if (value instanceof Uint8Array) {
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    }
    return Array.isArray(value) ? parameters(value) : value
  })
}

/** Whole numbers of 64 bits become numbers, of which ours are; by themselves they would be texts. */
function parsers(): pg.TypeOverrides {
  const types = new pg.TypeOverrides()
  types.setTypeParser(pg.types.builtins.INT8, Number)
  return types
}

function codeOf(error: unknown): string {
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? code : ''
}

/** Without what the database adds of the rows it is about. */
function storeError(error: unknown): unknown {
  if (error instanceof MailboxFullError || error instanceof VolatileStoreError) return error
  const message = error instanceof Error ? error.message : String(error)
  // Where a name has many addresses and none answers, the code alone says so.
  return new MailboxStoreError(`the database of mailboxes: ${message || codeOf(error)}`)
}
