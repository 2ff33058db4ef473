/** The rules of chains: how mine grows, what of theirs is taken, and in which state both stand. */
import type { ChainsRow, EarlyRow, NoteNumber, OutboxRow, OwedRow } from '../db/schema.ts'
import { InvalidDataError } from '../protocol/errors.ts'
import { chainIdOf, type ChainId, type MessageId, type PeerIdString } from '../protocol/ids.ts'
import type { Random } from '../protocol/seams.ts'
import type { Envelope } from './envelope.ts'

/** Where both chains of a conversation stand. */
export type Chains = ChainsRow
export type Outgoing = OutboxRow
export type Early = EarlyRow
export type Owed = OwedRow

/** A message of either side as a feature gets it. */
export interface Delivered {
  id: MessageId
  /** The other side of the conversation. */
  peer: PeerIdString
  mine: boolean
  chain: ChainId
  sequence: number
  clock: number
  sentAtMs: number
  receivedAtMs: number
  payload: Uint8Array
}

/** Chains of theirs that are remembered as ended. */
export const MAX_PAST_CHAINS = 16

/**
 * How far the clock may jump: over messages that are missing for good, of a history that was deleted or of what was
 * said after a backup that was restored. To use up the numbers takes 2^33 messages.
 */
export const MAX_CLOCK_JUMP = 2 ** 20

/** Chains of a conversation in which nothing was said. */
export function freshChains(peer: PeerIdString, random: Random): Chains {
  return { peer, clock: 0, mine: freshMine(random), theirs: null, past: [], ended: [] }
}

/** After my history was deleted: mine begins anew, what I know of theirs stays, so that nothing of it comes back. */
export function forgottenChains(chains: Chains, random: Random): Chains {
  return { ...chains, mine: freshMine(random), ended: [] }
}

/** How far they hold my chain now: less than they once did, when they restored a backup since. */
export function heldOf({ held, received }: Chains['mine']): number {
  return held ?? received
}

/** My chain when what relays kept of it from number `first` on counts no more. What they have held needs no relay. */
export function keptBefore(mine: Chains['mine'], first: number): Chains['mine'] {
  return { ...mine, stored: Math.max(mine.received, Math.min(mine.stored, first - 1)) }
}

/**
 * The chains with one more note of mine.
 * @param generation of this installation
 * @param lost it says that their keys did not open here
 */
export function numberNote(
  chains: Chains,
  generation: number,
  lost: boolean,
): { chains: Chains; number: NoteNumber } {
  const { notes } = chains
  const said = (notes?.said ?? 0) + 1
  const number: NoteNumber = [generation, said]
  // What another installation has said was of other keys.
  const first = notes?.lost?.[0] === generation ? notes.lost : number
  return { chains: { ...chains, notes: { ...notes, said, ...(lost && { lost: first }) } }, number }
}

/** The chains when more of theirs did not open: what they have heeded before was not of this. */
export function findLost(chains: Chains): Chains {
  const notes = { said: 0, ...chains.notes }
  delete notes.lost
  return { ...chains, notes }
}

/**
 * What a note of theirs is to me by its number, beside those that were heard: news; overtaken by one that was written later;
 * or of an installation before the one that goes on now. News, as ever, without a number.
 */
export function newsOf(
  { notes }: Chains,
  number: NoteNumber | undefined,
): 'news' | 'overtaken' | 'replaced' {
  if (number === undefined || notes?.heard === undefined) return 'news'
  if (number[0] < notes.heard[0]) return 'replaced'
  return compare(number, notes.heard) < 0 ? 'overtaken' : 'news'
}

/** The chains with a note of theirs that was news. @param anew the note of mine for which they have sealed anew */
export function hearNote(chains: Chains, number: NoteNumber, anew: NoteNumber | undefined): Chains {
  const { lost, ...others } = chains.notes ?? { said: 0 }
  const isHeeded = lost === undefined || (anew !== undefined && compare(anew, lost) >= 0)
  return { ...chains, notes: { ...others, ...(!isHeeded && { lost }), heard: number } }
}

/** The chains when all is sealed anew for a note of theirs. */
export function heedLost(chains: Chains, number: NoteNumber): Chains {
  const notes = chains.notes ?? { said: 0 }
  const isLatest = notes.anew === undefined || compare(number, notes.anew) > 0
  return isLatest ? { ...chains, notes: { ...notes, anew: number } } : chains
}

/**
 * They began a chain; the one before it has ended, unless nothing of it has come: then it may be the later one.
 * @param waits something of the one before came early
 */
export function adoptChain(chains: Chains, chain: ChainId, waits: boolean): Chains {
  const { theirs } = chains
  const came = theirs !== null && (theirs.sequence > 0 || waits)
  const ended = came ? [...chains.past, theirs.chain] : chains.past
  const past = ended.filter((each) => each !== chain)
  return {
    ...chains,
    theirs: { chain, sequence: 0, head: null, clock: 0, sentAtMs: 0, read: 0 },
    past: past.slice(-MAX_PAST_CHAINS),
  }
}

/**
 * Whether a chain that is not known, with this message, began after the one that is followed. Each begins where all
 * before it have ended, so its clock is higher than any of theirs; but for one of an installation that was restored from
 * before those, which does not know of them: that one is of a later time, by the writer's own clock.
 * @param early what waits in the chain that is followed
 */
export function isLaterChain(
  { theirs }: Chains,
  early: readonly Envelope[],
  { clock, sentAtMs }: Envelope,
): boolean {
  const clocks = early.map((each) => each.clock)
  const times = early.map((each) => each.sentAtMs)
  return (
    clock > Math.max(theirs?.clock ?? 0, ...clocks) ||
    sentAtMs > Math.max(theirs?.sentAtMs ?? Infinity, ...times)
  )
}

/** The chains with their next message. @throws InvalidDataError when it does not follow. */
export function followChain(chains: Chains, id: MessageId, envelope: Envelope): Chains {
  const { theirs } = chains
  if (theirs?.chain !== envelope.chain || envelope.sequence !== theirs.sequence + 1) {
    throw new InvalidDataError('not the next message of the chain')
  }
  if (envelope.previous !== theirs.head) throw new InvalidDataError('a chain that forks')
  checkClock(chains, envelope)
  return advance(chains, id, envelope)
}

/**
 * The chains with a message of a chain that has ended, of which some before it will never come.
 * @throws InvalidDataError when it cannot be one.
 */
export function leaveChain(chains: Chains, envelope: Envelope): Chains {
  checkJump(chains, envelope)
  return { ...chains, clock: Math.max(chains.clock, envelope.clock) }
}

function compare(one: NoteNumber, other: NoteNumber): number {
  return one[0] - other[0] || one[1] - other[1]
}

function checkClock(chains: Chains, envelope: Envelope): void {
  checkJump(chains, envelope)
  if (envelope.clock <= (chains.theirs?.clock ?? 0)) {
    throw new InvalidDataError('a clock that stands still')
  }
}

function checkJump(chains: Chains, { clock }: Envelope): void {
  if (clock > chains.clock + MAX_CLOCK_JUMP) throw new InvalidDataError('a clock that runs ahead')
}

function advance(
  chains: Chains,
  id: MessageId,
  { chain, sequence, clock, sentAtMs }: Envelope,
): Chains {
  const read = chains.theirs?.read ?? 0
  return {
    ...chains,
    clock: Math.max(chains.clock, clock),
    theirs: { chain, sequence, head: id, clock, sentAtMs, read },
  }
}

function freshMine(random: Random): Chains['mine'] {
  const chain = chainIdOf(random.bytes(16))
  return { chain, sequence: 0, head: null, stored: 0, received: 0, read: 0 }
}
