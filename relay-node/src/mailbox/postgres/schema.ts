/** Names the lock under which tables are made: any number that nobody else takes. */
export const SCHEMA_LOCK = 7_827_546_419

/** Makes what is not there. Times are milliseconds since 1970; `bytes` of what is counted includes `ROW_BYTES`. */
export const SCHEMA: readonly string[] = [
  // One row: what all mailboxes hold. Locking it orders all changes.
  `CREATE TABLE IF NOT EXISTS starling_store (
    one int PRIMARY KEY CHECK (one = 1),
    items bigint NOT NULL,
    bytes bigint NOT NULL
  )`,
  'INSERT INTO starling_store (one, items, bytes) VALUES (1, 0, 0) ON CONFLICT DO NOTHING',
  `CREATE TABLE IF NOT EXISTS starling_constant (
    name text PRIMARY KEY,
    value bytea NOT NULL
  )`,
  `CREATE TABLE IF NOT EXISTS starling_mailbox (
    id bytea PRIMARY KEY,
    last bigint NOT NULL,
    bytes bigint NOT NULL,
    gone_at bigint
  )`,
  'CREATE INDEX IF NOT EXISTS starling_mailbox_gone ON starling_mailbox (gone_at)',
  // The name of all strangers together is empty.
  `CREATE TABLE IF NOT EXISTS starling_sender (
    mailbox bytea NOT NULL,
    name bytea NOT NULL,
    bytes bigint NOT NULL,
    PRIMARY KEY (mailbox, name)
  )`,
  `CREATE TABLE IF NOT EXISTS starling_item (
    mailbox bytea NOT NULL,
    number bigint NOT NULL,
    id bytea NOT NULL,
    sender bytea,
    proof bytea,
    bytes bytea NOT NULL,
    stored_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    PRIMARY KEY (mailbox, number),
    UNIQUE (mailbox, id)
  )`,
  // Of what an earlier version has put there is no proof.
  'ALTER TABLE starling_item ADD COLUMN IF NOT EXISTS proof bytea',
  'CREATE INDEX IF NOT EXISTS starling_item_expires ON starling_item (expires_at)',
  `CREATE TABLE IF NOT EXISTS starling_prekeys (
    mailbox bytea PRIMARY KEY,
    second bigint NOT NULL,
    bundle bytea NOT NULL,
    bytes bigint NOT NULL,
    expires_at bigint NOT NULL
  )`,
  'CREATE INDEX IF NOT EXISTS starling_prekeys_expires ON starling_prekeys (expires_at)',
  `CREATE TABLE IF NOT EXISTS starling_one_time (
    mailbox bytea NOT NULL,
    number bigint NOT NULL,
    bytes bytea NOT NULL,
    PRIMARY KEY (mailbox, number)
  )`,
  `CREATE TABLE IF NOT EXISTS starling_wake (
    mailbox bytea PRIMARY KEY,
    second bigint NOT NULL,
    endpoint text,
    expires_at bigint NOT NULL
  )`,
  'CREATE INDEX IF NOT EXISTS starling_wake_expires ON starling_wake (expires_at)',
]
