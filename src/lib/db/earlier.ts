import { Dexie, type Table } from 'dexie'
import { deleteForGood } from './delete-for-good.ts'
import type {
  ChainsRow,
  ContactRow,
  ConversationRow,
  OutboxRow,
  SettingsRow,
  StarlingDatabase,
} from './schema.ts'

/** Name of the database of the versions before this one. Its rows lay in clear. */
export const EARLIER_DATABASE_NAME = 'starling'

/** Rows copied in one transaction. */
const COPY_BATCH = 500

/**
 * What makes rows of the earlier database into rows of today, by table. Those under a version are for its rows and
 * for those of all before: a field that is new today gets its first value under 2.
 */
const CHANGES: Record<number, Record<string, (row: never) => unknown>> = {
  // Messages were not sealed yet: what waited is sealed when it goes out.
  1: {
    outbox: (row: OutboxRow): OutboxRow => ({
      ...row,
      envelope: row.sealed ?? row.envelope,
      sealed: null,
    }),
  },
  // Relays kept nothing yet, what was read was always told, nobody was compared with or muted.
  2: {
    contacts: (row: ContactRow): ContactRow => ({
      ...row,
      offeredCommitment: null,
      verifiedCommitment: null,
    }),
    conversations: (row: ConversationRow): ConversationRow => ({ ...row, mute: null }),
    chains: (row: ChainsRow): ChainsRow => ({
      ...row,
      mine: { ...row.mine, stored: row.mine.received },
      ended: [],
    }),
    outbox: (row: OutboxRow): OutboxRow => ({ ...row, receipts: [] }),
    settings: (row: SettingsRow): SettingsRow => ({
      ...row,
      readReceipts: true,
      notifications: 'off',
    }),
  },
}

/**
 * Moves what an earlier version left into the empty `db`, then deletes it whole: a migration in place would leave
 * old parts of the files readable. As long as the earlier database is there, the move has not ended, and begins
 * again: nothing else may have written to `db`.
 */
export async function moveEarlier(db: StarlingDatabase): Promise<void> {
  if (!(await Dexie.getDatabaseNames()).includes(EARLIER_DATABASE_NAME)) return
  const earlier = new Dexie(EARLIER_DATABASE_NAME)
  try {
    await earlier.open()
    for (const table of db.tables) await table.clear()
    for (const from of earlier.tables) await copy(from, db.table(from.name), earlier.verno)
  } finally {
    earlier.close()
  }
  await deleteForGood([EARLIER_DATABASE_NAME])
}

async function copy(from: Table, to: Table, version: number): Promise<void> {
  const change = changeOf(from.name, version)
  const keys = await from.toCollection().primaryKeys()
  for (let start = 0; start < keys.length; start += COPY_BATCH) {
    const rows = await from.bulkGet(keys.slice(start, start + COPY_BATCH))
    await to.bulkAdd(rows.map(change))
  }
}

/** All changes from `version` on, one after the other. */
function changeOf(table: string, version: number): (row: unknown) => unknown {
  const changes = Object.entries(CHANGES)
    .filter(([since]) => Number(since) >= version)
    .map(([, changes]) => changes[table])
  return (row) =>
    changes.reduce((each, change) => (change === undefined ? each : change(each as never)), row)
}
