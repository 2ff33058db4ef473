import { MailboxFullError } from '../errors.ts'
import {
  EMPTY_MAILBOX_LIFE_MS,
  type Entry,
  type NewItem,
  type Quotas,
  ROW_BYTES,
  sizeOf,
} from '../store.ts'
import type { Change } from './changes.ts'

const STRANGERS = Buffer.alloc(0)

export interface ItemRow {
  mailbox: Buffer
  number: number
  id: Buffer
  sender: Buffer | null
  proof: Buffer | null
  length: number
  stored_at: number
  expires_at: number
}

/** An item without its bytes. */
export const ITEM_COLUMNS =
  'i.mailbox, i.number, i.id, i.sender, i.proof, octet_length(i.bytes) AS length, i.stored_at, i.expires_at'

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
export async function putItems(
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
    const { mailbox, sender, proof, id, bytes, storedAtMs, expiresAtMs } = item
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
    const entry: Entry = { number, sender, proof, id, byteLength, storedAtMs, expiresAtMs }
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
    `INSERT INTO starling_item (mailbox, number, id, sender, proof, bytes, stored_at,
       expires_at)
     SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[],
       $6::bytea[], $7::bigint[], $8::bigint[])`,
    [
      items.map(({ mailbox }) => mailbox),
      items.map(({ number }) => number),
      items.map(({ id }) => id),
      items.map(({ sender }) => sender),
      items.map(({ proof }) => proof),
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
export async function forget(
  change: Change,
  items: readonly ItemRow[],
  nowMs: number,
): Promise<void> {
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

export function entryOf(row: ItemRow): Entry {
  return {
    number: row.number,
    sender: row.sender && Uint8Array.from(row.sender),
    proof: row.proof && Uint8Array.from(row.proof),
    id: Uint8Array.from(row.id),
    byteLength: row.length,
    storedAtMs: row.stored_at,
    expiresAtMs: row.expires_at,
  }
}

function keyOf(...parts: readonly Uint8Array[]): string {
  return parts.map((part) => Buffer.from(part).toString('hex')).join('!')
}
