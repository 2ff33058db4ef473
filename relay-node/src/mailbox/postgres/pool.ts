import pg from 'pg'
import type { Logger } from '#lib/protocol/seams.ts'
import { VolatileStoreError } from '../errors.ts'
import { codeOf, wholeNumbers, storeError } from './driver.ts'
import { SCHEMA, SCHEMA_LOCK } from './schema.ts'

/** Connections of one relay: one that changes, others that read. */
const MAX_CLIENTS = 8

/** Until a connection is there, and until a statement is done, waiting for another relay's turn included. */
const DATABASE_TIMEOUT_MS = 10_000

/** A function that is not there. */
const FEATURE_NOT_SUPPORTED = '0A000'

export interface PoolInit {
  /** `postgres://user:password@host/database`, as libpq takes it. */
  url: string
  /** Whether a database is taken that may lose what it has committed when the power goes. */
  mayForget: boolean
}

/** Connections to a database that has our tables. @throws MailboxStoreError, VolatileStoreError */
export async function connect(
  { log }: { log: Logger },
  { url, mayForget }: PoolInit,
): Promise<pg.Pool> {
  const pool = new pg.Pool({
    connectionString: url,
    max: MAX_CLIENTS,
    application_name: 'starling-relay',
    connectionTimeoutMillis: DATABASE_TIMEOUT_MS,
    statement_timeout: DATABASE_TIMEOUT_MS,
    // A relay that stands still in a transaction holds up all others.
    idle_in_transaction_session_timeout: DATABASE_TIMEOUT_MS,
    types: wholeNumbers(),
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
    return pool
  } catch (error) {
    await pool.end()
    throw storeError(error)
  }
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
