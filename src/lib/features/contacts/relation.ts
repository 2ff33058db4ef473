/** What is known of one person, and how what happens changes it: values and functions. */
import type { ContactRow, RequestRow } from '../../db/schema.ts'
import { equalBytes } from '../../protocol/codec.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { ContactState } from './api.ts'
import { MAX_CARD_RELAYS, type Card } from './card.ts'
import type { Code } from './code.ts'

/** Both kinds of rows about one person; at most one of them is there. */
export interface Relation {
  contact: ContactRow | null
  request: RequestRow | null
}

export function stateOf(row: ContactRow): ContactState {
  if (row.blocked) return 'blocked'
  if (row.offeredCommitment !== null) return 'changed'
  return row.heard ? 'mutual' : 'waiting'
}

/** Whether a connection to them is to be kept. */
export function isWanted(row: ContactRow | null): boolean {
  return row !== null && row.added && !row.blocked
}

/** What they call themselves. Until their first hello, somebody added by the plain form is called by the end of their id. */
export function displayName({ name, peer }: ContactRow): string {
  return name === '' ? `…${peer.slice(-8)}` : name
}

/** The row of somebody I do not have. */
export function stranger(
  peer: PeerIdString,
  request: RequestRow | null,
  nowMs: number,
): ContactRow {
  return {
    peer,
    name: request?.name ?? '',
    alias: null,
    note: '',
    added: false,
    heard: request !== null,
    blocked: false,
    keyCommitment: request?.keyCommitment ?? null,
    offeredCommitment: null,
    verifiedCommitment: null,
    relays: request?.relays ?? [],
    sinceMs: request?.sinceMs ?? null,
    lastSeenAtMs: null,
    addedAtMs: nowMs,
  }
}

/**
 * The row of somebody I add now, from what is known of them. Added again, they are asked anew, unless they have just
 * said that they have me.
 *
 * @param isHere whether they have said hello since they connected
 */
export function added(
  peer: PeerIdString,
  { contact, request }: Relation,
  isHere: boolean,
  nowMs: number,
): ContactRow {
  const row = contact ?? stranger(peer, request, nowMs)
  return {
    ...row,
    added: true,
    blocked: false,
    addedAtMs: row.added && isHere ? row.addedAtMs : nowMs,
  }
}

/** A contact whose code I was given. */
export function withCode(row: ContactRow, code: Code): ContactRow {
  const relays = [...new Set([...code.relays, ...row.relays])].slice(0, MAX_CARD_RELAYS)
  if (code.type === 'plain') return { ...row, relays }
  if (namesAnotherKey(row, code)) return offered(row, code)
  // What they said themselves on a channel is newer than a code that lay around.
  const name = row.name === '' ? code.name : row.name
  return { ...row, relays, name, keyCommitment: code.keyCommitment }
}

/** A contact who said hello. Of one with another key than the accepted nothing is taken but that. */
export function heard(row: ContactRow, card: Card, sinceMs: number): ContactRow {
  if (namesAnotherKey(row, card)) return offered(row, card)
  const { name, keyCommitment } = card
  const relays = card.relays.length === 0 ? row.relays : card.relays
  return { ...row, heard: true, name, keyCommitment, relays, sinceMs }
}

/** Whether a card names another key than the accepted one: the peer id is the other key, which cannot change. */
export function namesAnotherKey(
  { keyCommitment }: Pick<ContactRow, 'keyCommitment'>,
  card: Pick<Card, 'keyCommitment'>,
): boolean {
  return keyCommitment !== null && !equalBytes(keyCommitment, card.keyCommitment)
}

function offered(row: ContactRow, { keyCommitment }: Pick<Card, 'keyCommitment'>): ContactRow {
  return { ...row, offeredCommitment: keyCommitment, verifiedCommitment: null }
}

/** A contact whose key this is from now on. */
export function withKey(row: ContactRow, keyCommitment: Uint8Array): ContactRow {
  return { ...row, keyCommitment, offeredCommitment: null }
}

/** Whether I compared the key that is theirs now. */
export function isVerified({ keyCommitment, verifiedCommitment }: ContactRow): boolean {
  return (
    keyCommitment !== null &&
    verifiedCommitment !== null &&
    equalBytes(keyCommitment, verifiedCommitment)
  )
}

/** Whether a stranger's hello tells nothing that was not said before. */
export function isRepeated(before: RequestRow | null, sinceMs: number): before is RequestRow {
  return before !== null && sinceMs <= before.sinceMs
}

/** The request of a stranger who said hello; one put away stays so until they ask anew. */
export function requested(
  card: Card,
  sinceMs: number,
  before: RequestRow | null,
  nowMs: number,
): RequestRow {
  const { peer, name, keyCommitment, relays } = card
  const again = isRepeated(before, sinceMs)
  return {
    peer,
    name,
    keyCommitment,
    relays,
    sinceMs: Math.max(sinceMs, before?.sinceMs ?? 0),
    receivedAtMs: again ? before.receivedAtMs : nowMs,
    dismissed: again && before.dismissed,
  }
}

/** Keeps somebody who still has me from coming back as a request by themselves. */
export function dismissedRequest(contact: ContactRow, nowMs: number): RequestRow | null {
  const { peer, name, keyCommitment, relays, sinceMs } = contact
  if (!contact.heard || keyCommitment === null || sinceMs === null) return null
  return { peer, name, keyCommitment, relays, sinceMs, receivedAtMs: nowMs, dismissed: true }
}
