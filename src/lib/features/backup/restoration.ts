import { Dexie } from 'dexie'
import { DamagedBackupError } from '../../crypto/backup-errors.ts'
import { newDevice } from '../../db/device.ts'
import type {
  ChainsRow,
  ContactRow,
  ConversationRow,
  DeviceRow,
  MessageRow,
  OutboxRow,
  OwedRow,
  SafekeepingRow,
  StarlingDatabase,
} from '../../db/schema.ts'
import { orStorageFull } from '../../db/storage-full.ts'
import { carryOver, placeAfter, renew } from '../../delivery/renew.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock, Random } from '../../protocol/seams.ts'
import type { BackupRow, RowOf } from './rows.ts'

/** Rows written in one transaction. */
const BATCH = 500

/** Relays taken from a backup: four times what a browser keeps of those it learned. */
const MAX_RELAYS = 128

/** Tables that are written before it is known that the backup is whole. Nobody looks at them without an identity. */
const AHEAD = [
  'contacts',
  'requests',
  'owed',
  'places',
  'mailboxRelays',
  'conversations',
  'chains',
  'outbox',
  'early',
  'progress',
  'messages',
] as const

export interface RestorationComponents {
  db: StarlingDatabase
  clock: Clock
  random: Random
}

/** Takes away what an interrupted restoration left. To be called while there is no identity. */
export function clearHalf(db: StarlingDatabase): Promise<void> {
  const tables = AHEAD.map((name) => db.table(name))
  return db.transaction('rw', tables, async () => {
    for (const table of tables) await table.clear()
  })
}

/**
 * Writes rows out of a backup, in the order of `snapshot`. Those that say who is here come last, in one transaction:
 * until then, nobody is here. Chains of mine begin anew (delivery/renew.ts).
 */
export class Restoration {
  readonly #components: RestorationComponents
  readonly #me: PeerIdString
  #single: Partial<{ [T in 'identity' | 'profile' | 'device' | 'settings']: RowOf<T> }> = {}
  readonly #relays: RowOf<'relays'>[] = []
  #batch: BackupRow[] = []
  /** Of the conversation whose rows come now. */
  #chains: ChainsRow | null = null

  constructor(components: RestorationComponents, me: PeerIdString) {
    this.#components = components
    this.#me = me
  }

  /** @throws DamagedBackupError, StorageFullError */
  async take([table, row]: BackupRow): Promise<void> {
    switch (table) {
      case 'identity':
      case 'profile':
      case 'device':
      case 'settings':
        this.#single = { ...this.#single, [table]: row }
        return
      case 'relays':
        if (this.#relays.length < MAX_RELAYS) this.#relays.push(row)
        return
      case 'chains':
        this.#endChains()
        // Nobody but me holds what I write to myself.
        this.#chains = row.peer === this.#me ? row : renew(row, this.#components.random)
        return
      case 'outbox':
        this.#carryOver(row)
        break
      case 'conversations':
        this.#batch.push([table, this.#conversation(row)])
        break
      case 'messages':
        this.#endChains()
        this.#batch.push([table, row])
        break
      case 'mailboxRelays':
        // The prekeys published there are not here, nor is what stands in for them looked for.
        this.#batch.push([table, { ...row, announced: null, published: null, canary: null }])
        break
      case 'contacts':
      case 'requests':
      case 'places':
      case 'early':
      case 'progress':
        this.#batch.push([table, row] as BackupRow)
    }
    if (this.#batch.length >= BATCH) await this.#write()
  }

  /** After the last row: now somebody is here, on this new device. @throws DamagedBackupError, StorageFullError */
  async end(safekeeping: SafekeepingRow): Promise<DeviceRow> {
    this.#endChains()
    await this.#write()
    await this.#countUnread()
    const { db } = this.#components
    const { identity, profile, device, settings } = this.#single
    if (identity === undefined || profile === undefined || device === undefined) {
      throw new DamagedBackupError('of nobody')
    }
    const restored = newDevice(this.#components, device.generation)
    const tables = [db.identity, db.profile, db.device, db.settings, db.relays, db.safekeeping]
    await orStorageFull(
      db.transaction('rw', tables, async () => {
        await db.identity.add(identity)
        await db.profile.add(profile)
        await db.device.put(restored)
        await db.safekeeping.put(safekeeping)
        if (settings !== undefined) await db.settings.put(settings)
        for (const relay of this.#relays) {
          if ((await db.relays.get(relay.address)) !== undefined) continue
          // The origin of another page is a relay like any other here.
          await db.relays.put({
            ...relay,
            source: relay.source === 'origin' ? 'learned' : relay.source,
          })
        }
      }),
    )
    return restored
  }

  #endChains(): void {
    if (this.#chains !== null) this.#batch.push(['chains', this.#chains])
    this.#chains = null
  }

  #carryOver(row: OutboxRow): void {
    const before = this.#chains?.ended.at(-1)
    const next = this.#chains && (before?.received ?? 0) + this.#chains.mine.sequence + 1
    if (
      this.#chains === null ||
      row.peer !== this.#chains.peer ||
      row.chain !== before?.chain ||
      row.sequence !== next
    ) {
      throw new DamagedBackupError('a message of mine out of its place')
    }
    const { chains, outgoing } = carryOver(
      this.#me,
      this.#chains,
      row,
      this.#components.clock.now(),
    )
    this.#chains = chains
    this.#batch.push(['outbox', outgoing])
  }

  #conversation(row: ConversationRow): ConversationRow {
    const chains = this.#chains
    if (row.last?.mine !== true || chains?.peer !== row.id) return row
    // Without a chain it is of the one that was present.
    const { chain = chains.ended.at(-1)?.chain, sequence } = row.last
    if (chain === undefined) return row
    return { ...row, last: { ...row.last, ...placeAfter(chains, { chain, sequence }) } }
  }

  async #write(): Promise<void> {
    const { db } = this.#components
    const batch = this.#batch
    this.#batch = []
    await orStorageFull(
      db.transaction(
        'rw',
        AHEAD.map((name) => db.table(name)),
        async () => {
          for (const name of AHEAD) {
            const rows = batch.flatMap(([table, row]) => (table === name ? [row] : []))
            if (rows.length === 0) continue
            if (name === 'messages')
              await db.messages.bulkPut(await this.#placed(rows as MessageRow[]))
            else await db.table(name).bulkPut(rows)
            if (name === 'contacts') await db.owed.bulkPut(owedTo(rows as ContactRow[]))
          }
        },
      ),
    )
  }

  /** The messages, those of mine that were carried over with their new places. */
  async #placed(rows: MessageRow[]): Promise<MessageRow[]> {
    const peers = [...new Set(rows.map(({ conversation }) => conversation))]
    const all = await this.#components.db.chains.bulkGet(peers)
    const standing = new Map(peers.map((peer, index) => [peer, all[index]]))
    return rows.map((row) => {
      const chains = row.mine ? standing.get(row.conversation) : undefined
      if (chains === undefined) return row
      const { edit } = row
      return { ...placeAfter(chains, row), ...(edit && { edit: placeAfter(chains, edit) }) }
    })
  }

  /** Some may have been read between their conversation and themselves. */
  async #countUnread(): Promise<void> {
    const { db } = this.#components
    for (const id of await db.conversations.toCollection().primaryKeys()) {
      await db.transaction('rw', db.conversations, db.messages, async () => {
        const unread = await db.messages
          .where('[conversation+unread+clock+id]')
          .between([id, 1, Dexie.minKey, Dexie.minKey], [id, 1, Dexie.maxKey, Dexie.maxKey])
          .count()
        await db.conversations.update(id, { unread })
      })
    }
  }
}

/**
 * To everybody I have: a hello, for the one that was owed may not have been said; and how far I hold what they wrote, which
 * is less than they were told, with no keys to open what they sealed.
 */
function owedTo(contacts: readonly ContactRow[]): OwedRow[] {
  return contacts
    .filter(({ added, blocked }) => added && !blocked)
    .flatMap(({ peer }) => [
      { peer, type: 'hello', lost: false, sealed: null, receipts: [] },
      { peer, type: 'status', lost: true, sealed: null, receipts: [] },
    ])
}
