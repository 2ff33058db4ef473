/**
 * What is taken back leaves the outbox too. The row stays, without what it said, for the chain to hold together:
 * whoever lost it over there is sent what is left (envelope.ts).
 */
import { Dexie } from 'dexie'
import type { OutboxRow, StarlingDatabase } from '../db/schema.ts'
import type { ChainId, PeerIdString } from '../protocol/ids.ts'
import { decodeEnvelope, encodeEnvelope, erased } from './envelope.ts'

/** Where a message of mine lies in the outbox. */
export interface Place {
  peer: PeerIdString
  chain: ChainId
  sequence: number
}

/** Erases what a message of mine says. Within a transaction over `outbox`. */
export async function eraseSent(db: StarlingDatabase, place: Place): Promise<void> {
  const { peer, chain, sequence } = place
  await db.outbox.where('[peer+chain+sequence]').equals([peer, chain, sequence]).modify(erase)
}

/** The same, but not before they hold it. Within a transaction over `outbox` and `chains`. */
export async function eraseOnceReceived(db: StarlingDatabase, place: Place): Promise<void> {
  const { peer, chain, sequence } = place
  const { mine } = (await db.chains.get(peer)) ?? {}
  if (mine?.chain !== chain || sequence <= mine.received) await eraseSent(db, place)
  else await db.outbox.update([peer, chain, sequence], { erase: 1 })
}

/** Erases what waited for being received. Within a transaction over `outbox`. */
export async function eraseReceived(
  db: StarlingDatabase,
  peer: PeerIdString,
  upTo: number,
): Promise<void> {
  await db.outbox
    .where('[peer+erase+sequence]')
    .between([peer, 1, Dexie.minKey], [peer, 1, upTo], true, true)
    .modify(erase)
}

function erase(row: OutboxRow): void {
  const envelope = decodeEnvelope(row.envelope)
  row.envelope = encodeEnvelope(erased(envelope, row.id))
  row.sealed = null
  row.receipts = []
  delete row.erase
}
