/** What goes into a backup: tables, their rows, and what each must look like when it comes out of a file. */
import type { Table } from 'dexie'
import * as v from 'valibot'
import { NewerBackupError } from '../../crypto/backup-errors.ts'
import { MAX_ITEM_BYTES } from '../../crypto/backup-file.ts'
import type { StarlingDatabase } from '../../db/schema.ts'
import { placeSchema } from '../../protocol/place.ts'
import { check } from '../../protocol/check.ts'
import { codec } from '../../protocol/codec.ts'
import { InvalidDataError } from '../../protocol/errors.ts'
import { parseChainId, parseMessageId, type ChainId, type MessageId } from '../../protocol/ids.ts'
import { bytesSchema, peerIdSchema, timeMsSchema } from '../../protocol/schemas.ts'

/** Raised when rows of this shape would not be understood by a version before. */
export const ROWS_VERSION = 1

/** Every table of the database. */
type TableName = {
  [K in keyof StarlingDatabase]: StarlingDatabase[K] extends Table ? K : never
}[keyof StarlingDatabase]

/**
 * Stays behind: keys of sessions, which two installations must never both use; what is found out anew; what is of this
 * device alone, as files are.
 */
export type LeftOut =
  | 'sessions'
  | 'prekeys'
  | 'opened'
  | 'owed'
  | 'devices'
  | 'wakeUps'
  | 'peerRecords'
  | 'safekeeping'
  | 'transfers'
  | 'sources'
  | 'totals'
  | 'networks'

export type BackedUp = Exclude<TableName, LeftOut>

/** A row of this table. */
export type RowOf<T extends TableName> =
  StarlingDatabase[T] extends Table<infer Row, infer Key, infer Insert>
    ? [Row, Key, Insert][0]
    : never

/** A row and its table, as an item of a backup. */
export type BackupRow = { [T in BackedUp]: readonly [table: T, row: RowOf<T>] }[BackedUp]

const text = v.string()
const flag = v.boolean()
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const time = v.nullable(timeMsSchema)
/** Of exactly so many bytes, in a buffer of their own. */
const fixed = (count: number) =>
  v.pipe(
    bytesSchema(count, count),
    v.transform((bytes) => Uint8Array.from(bytes)),
  )
const sealed = bytesSchema(MAX_ITEM_BYTES)
const me = v.literal('me')
const seed = fixed(32)
const chainId = v.custom<ChainId>((value) => parses(parseChainId, value), 'not a chain id')
const messageId = v.custom<MessageId>((value) => parses(parseMessageId, value), 'not a message id')
const head = v.nullable(messageId)
const noteNumber = v.strictTuple([count, count])
const stamp = { clock: count, id: messageId }
const reaction = v.strictObject({ ...stamp, emoji: v.nullable(text) })

const file = { key: seed, name: text, mediaType: text, bytes: count }
const attachment = v.variant('kind', [
  v.strictObject({ kind: v.literal('file'), ...file }),
  v.strictObject({
    ...{ kind: v.literal('picture'), ...file },
    ...{ width: count, height: count, thumbnail: sealed },
  }),
  v.strictObject({
    ...{ kind: v.literal('voice'), ...file },
    ...{ durationMs: count, waveform: sealed },
  }),
])

/** Each row of a table is as the database's schema has it; texts and bytes are as short as items are. */
const SCHEMAS: { [T in BackedUp]: v.GenericSchema<unknown, RowOf<T>> } = {
  identity: v.strictObject({ key: me, ed25519Seed: seed, mlDsaSeed: seed, keyCommitment: seed }),
  device: v.strictObject({
    key: me,
    id: fixed(16),
    generation: count,
    sinceMs: timeMsSchema,
    replacedAtMs: time,
  }),
  profile: v.strictObject({ key: me, name: text, createdAtMs: timeMsSchema }),
  settings: v.strictObject({
    key: me,
    language: v.nullable(v.picklist(['en', 'ru'])),
    theme: v.picklist(['system', 'light', 'dark']),
    readReceipts: flag,
    notifications: v.picklist(['off', 'name', 'text']),
    files: v.exactOptional(
      v.strictObject({
        downBytesPerSecond: v.nullable(count),
        upBytesPerSecond: v.nullable(count),
        spareBytes: v.nullable(count),
      }),
    ),
    autoGet: v.exactOptional(
      v.strictObject({ when: v.picklist(['always', 'unmetered', 'never']), upToBytes: count }),
    ),
    copiesAgreed: v.exactOptional(flag),
    copiesForAway: v.exactOptional(flag),
    passOn: v.exactOptional(flag),
    relayOnly: v.exactOptional(flag),
  }),
  relays: v.strictObject({
    address: text,
    peer: v.nullable(peerIdSchema),
    source: v.picklist(['origin', 'person', 'learned']),
    latencyMs: v.nullable(v.number()),
    lastConnectedAtMs: time,
    addedAtMs: timeMsSchema,
    removed: flag,
    preferred: v.exactOptional(flag),
  }),
  contacts: v.strictObject({
    peer: peerIdSchema,
    name: text,
    alias: v.nullable(text),
    note: text,
    added: flag,
    heard: flag,
    blocked: flag,
    keyCommitment: v.nullable(seed),
    offeredCommitment: v.nullable(seed),
    verifiedCommitment: v.nullable(seed),
    relays: v.array(text),
    sinceMs: time,
    lastSeenAtMs: time,
    addedAtMs: timeMsSchema,
  }),
  requests: v.strictObject({
    peer: peerIdSchema,
    name: text,
    keyCommitment: seed,
    relays: v.array(text),
    sinceMs: timeMsSchema,
    receivedAtMs: timeMsSchema,
    dismissed: flag,
  }),
  conversations: v.strictObject({
    id: peerIdSchema,
    name: text,
    draft: text,
    pinned: flag,
    archived: flag,
    mute: v.nullable(v.union([v.literal('forever'), timeMsSchema])),
    last: v.nullable(
      v.strictObject({
        id: messageId,
        clock: count,
        sequence: count,
        mine: flag,
        text,
        attachment: v.exactOptional(
          v.strictObject({
            kind: v.picklist(['file', 'picture', 'voice']),
            name: text,
            durationMs: v.exactOptional(count),
          }),
        ),
        sentAtMs: timeMsSchema,
        deleted: v.exactOptional(v.literal(true)),
        chain: v.exactOptional(chainId),
      }),
    ),
    unread: count,
    disappearing: v.exactOptional(v.strictObject({ ...stamp, afterMs: count })),
  }),
  chains: v.strictObject({
    peer: peerIdSchema,
    clock: count,
    mine: v.strictObject({
      chain: chainId,
      sequence: count,
      head,
      stored: count,
      received: count,
      held: v.exactOptional(count),
      read: count,
    }),
    theirs: v.nullable(
      v.strictObject({
        ...{ chain: chainId, sequence: count, head, clock: count },
        sentAtMs: v.exactOptional(timeMsSchema),
        read: count,
      }),
    ),
    past: v.array(chainId),
    ended: v.array(v.strictObject({ chain: chainId, received: count, read: count })),
    notes: v.exactOptional(
      v.strictObject({
        ...{ said: count, heard: v.exactOptional(noteNumber) },
        ...{ lost: v.exactOptional(noteNumber), anew: v.exactOptional(noteNumber) },
      }),
    ),
  }),
  outbox: v.strictObject({
    peer: peerIdSchema,
    chain: chainId,
    sequence: count,
    id: messageId,
    intent: text,
    envelope: sealed,
    sealed: v.nullable(sealed),
    receipts: v.array(v.strictObject({ relay: text, store: text, atMs: timeMsSchema })),
    erase: v.exactOptional(v.literal(1)),
  }),
  early: v.strictObject({
    peer: peerIdSchema,
    chain: chainId,
    sequence: count,
    id: messageId,
    envelope: sealed,
    receivedAtMs: timeMsSchema,
  }),
  progress: v.strictObject({
    peer: peerIdSchema,
    chain: chainId,
    state: v.picklist(['stored', 'received', 'read']),
    upTo: count,
    atMs: timeMsSchema,
  }),
  places: v.strictObject({ peer: peerIdSchema, place: placeSchema }),
  mailboxRelays: v.strictObject({
    address: text,
    key: seed,
    store: text,
    sinceMs: timeMsSchema,
    retiredAtMs: time,
    caught: flag,
    announced: v.nullable(count),
    published: v.nullable(v.strictObject({ epoch: count, atMs: timeMsSchema })),
    canary: v.nullable(v.strictObject({ mark: text, epoch: count, atMs: timeMsSchema })),
  }),
  messages: v.strictObject({
    id: messageId,
    conversation: peerIdSchema,
    chain: chainId,
    sequence: count,
    clock: count,
    mine: flag,
    text,
    sentAtMs: timeMsSchema,
    receivedAtMs: timeMsSchema,
    unread: v.exactOptional(v.literal(1)),
    attachment: v.exactOptional(attachment),
    content: v.exactOptional(text),
    reply: v.exactOptional(messageId),
    forwarded: v.exactOptional(v.literal(true)),
    edit: v.exactOptional(
      v.strictObject({ ...stamp, chain: chainId, sequence: count, atMs: timeMsSchema }),
    ),
    deleted: v.exactOptional(v.literal(true)),
    reactions: v.exactOptional(
      v.strictObject({ mine: v.exactOptional(reaction), theirs: v.exactOptional(reaction) }),
    ),
    disappearAfterMs: v.exactOptional(count),
    disappearsAtMs: v.exactOptional(timeMsSchema),
    announcedMs: v.exactOptional(count),
  }),
}

const versionCodec = codec(v.strictObject({ rows: count }), 64)
const itemCodec = codec(v.strictTuple([v.string(), v.unknown()]), MAX_ITEM_BYTES)

/** The first item of a backup. */
export function encodeVersion(): Uint8Array<ArrayBuffer> {
  return versionCodec.encode({ rows: ROWS_VERSION })
}

/** @throws NewerBackupError when this version does not know such rows, InvalidDataError, LimitExceededError */
export function checkVersion(item: Uint8Array): void {
  const { rows } = versionCodec.decode(item)
  if (rows > ROWS_VERSION) throw new NewerBackupError(`rows of version ${rows}`)
}

/** @throws InvalidDataError, LimitExceededError: a row that would not come back is told when the backup is made */
export function encodeRow([table, row]: BackupRow): Uint8Array<ArrayBuffer> {
  return itemCodec.encode([table, check<unknown>(SCHEMAS[table], row)])
}

/** @throws InvalidDataError, LimitExceededError */
export function decodeRow(item: Uint8Array): BackupRow {
  const [table, row] = itemCodec.decode(item)
  if (!Object.hasOwn(SCHEMAS, table)) throw new InvalidDataError('a row of no table')
  const name = table as BackedUp
  return [name, check<unknown>(SCHEMAS[name], row)] as BackupRow
}

function parses(parse: (value: unknown) => unknown, value: unknown): boolean {
  try {
    parse(value)
    return true
  } catch {
    return false
  }
}
