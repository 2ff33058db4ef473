import { Dexie } from 'dexie'
import type { ChainsRow, MessageRow, StarlingDatabase } from '../../db/schema.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { AbortOptions } from '../../rpc/api.ts'
import type { BackupRow } from './rows.ts'

/** Messages read at a time; other work gets its turn in between. */
const BATCH = 500

/** Tables that are read at once: a row of each contact at most. Who this is comes first. */
const WHOLE = [
  'identity',
  'device',
  'profile',
  'settings',
  'relays',
  'contacts',
  'requests',
  'places',
  'mailboxRelays',
] as const

/**
 * Everything that goes into a backup, in the order it is restored in, while the rest goes on. What belongs to one
 * conversation is read in one transaction, and of its messages those are left out that came or were written after
 * that: so the chains never know of less than the messages, and the other side sends again what is missing.
 */
export async function* snapshot(
  db: StarlingDatabase,
  me: PeerIdString,
  { signal }: AbortOptions = {},
): AsyncGenerator<BackupRow> {
  for (const name of WHOLE) {
    for (const row of await db.table<never>(name).toArray()) yield [name, row]
  }
  const standing = new Map<PeerIdString, ChainsRow | undefined>()
  const peers = new Set([
    ...(await db.chains.toCollection().primaryKeys()),
    ...(await db.conversations.toCollection().primaryKeys()),
  ])
  for (const peer of peers) {
    signal?.throwIfAborted()
    const { chains, rows } = await conversation(db, me, peer)
    standing.set(peer, chains)
    yield* rows
  }
  for await (const row of messages(db)) {
    signal?.throwIfAborted()
    if (isOf(standing.get(row.conversation), row)) yield ['messages', row]
  }
}

/** How many rows there are, and some of the messages, for an estimate. */
export function sample(
  db: StarlingDatabase,
  count: number,
): Promise<{ messages: number; some: MessageRow[] }> {
  return db.transaction('r', db.messages, async () => ({
    messages: await db.messages.count(),
    // Ids are hashes, so the first are any.
    some: await db.messages.limit(count).toArray(),
  }))
}

/** What is kept of one conversation beside its messages. */
function conversation(
  db: StarlingDatabase,
  me: PeerIdString,
  peer: PeerIdString,
): Promise<{ chains: ChainsRow | undefined; rows: BackupRow[] }> {
  const { conversations, chains, outbox, early, progress } = db
  return db.transaction('r', [conversations, chains, outbox, early, progress], async () => {
    const rows: BackupRow[] = []
    const standing = await chains.get(peer)
    const flags = await conversations.get(peer)
    if (standing !== undefined) {
      rows.push(['chains', standing])
      const { chain, received, sequence } = standing.mine
      // What they hold is never sent again; what I write to myself is never sent.
      const waiting = outbox
        .where('[peer+chain+sequence]')
        .between([peer, chain, received], [peer, chain, sequence], false, true)
      for (const row of peer === me ? [] : await waiting.toArray()) rows.push(['outbox', row])
      if (standing.theirs !== null) {
        const { chain, sequence } = standing.theirs
        const ahead = early
          .where('[peer+chain+sequence]')
          .between([peer, chain, sequence], [peer, chain, Dexie.maxKey], false, true)
        for (const row of await ahead.toArray()) rows.push(['early', row])
      }
      const learned = progress
        .where('[peer+chain+state+upTo]')
        .between([peer, Dexie.minKey], [peer, Dexie.maxKey])
      for (const row of await learned.toArray()) rows.push(['progress', row])
    }
    if (flags !== undefined) rows.push(['conversations', flags])
    return { chains: standing, rows }
  })
}

async function* messages(db: StarlingDatabase): AsyncGenerator<MessageRow> {
  let after: readonly unknown[] = [Dexie.minKey, Dexie.minKey]
  for (;;) {
    const batch = await db.messages
      .where('[sentAtMs+id]')
      .between(after, [Dexie.maxKey, Dexie.maxKey], false, true)
      .limit(BATCH)
      .toArray()
    yield* batch
    const last = batch.at(-1)
    if (last === undefined) return
    after = [last.sentAtMs, last.id]
  }
}

/** Whether the chains, as they were read, already had this message. */
function isOf(
  chains: ChainsRow | undefined,
  { mine, chain, sequence, clock }: MessageRow,
): boolean {
  if (chains === undefined) return false
  const present = mine ? chains.mine : chains.theirs
  // Of chains that have ended there are no more messages; one begun since then counts on from the clock.
  return present?.chain === chain ? sequence <= present.sequence : clock <= chains.clock
}
