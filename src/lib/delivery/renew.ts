/**
 * What a restored installation makes of a conversation's chains. Another may have gone on with mine after the backup:
 * a message added to it here would have the number of one they hold, and be taken for it. So mine begins anew, and
 * what they may not hold yet is carried over whole, for them to know it by its id (envelope.ts).
 */
import type { ChainId, PeerIdString } from '../protocol/ids.ts'
import type { Random } from '../protocol/seams.ts'
import { freshChains, type Chains, type Outgoing } from './chain.ts'
import { carrying, encodeEnvelope, idOf, type Envelope } from './envelope.ts'

/** Ended chains of mine that are remembered, for the states of the messages in them. */
export const MAX_ENDED_CHAINS = 16

/**
 * Messages that may have been said since the backup: the new chain counts on after as many, for what is said in it is
 * later. Far less than a clock may jump (chain.ts).
 */
export const SAID_SINCE = 2 ** 16

/** The chains as they were, with an empty one of mine. */
export function renew(before: Chains, random: Random): Chains {
  const { chain, received, read } = before.mine
  const { mine } = freshChains(before.peer, random)
  const ended = [...before.ended, { chain, received, read }].slice(-MAX_ENDED_CHAINS)
  return { ...before, clock: before.clock + SAID_SINCE, mine, ended }
}

/**
 * Adds a message of the chain that has ended, which was not acknowledged, to the new one.
 * @param nowMs when it is carried over: what the chain is known by as later than others (chain.ts)
 */
export function carryOver(
  me: PeerIdString,
  chains: Chains,
  { peer, intent, envelope: before, erase }: Outgoing,
  nowMs: number,
): { chains: Chains; outgoing: Outgoing } {
  const { mine, theirs } = chains
  const { chain } = mine
  const sequence = mine.sequence + 1
  const clock = chains.clock + 1
  const carried: Envelope = {
    chain,
    sequence,
    previous: mine.head,
    parent: theirs?.head ?? null,
    clock,
    sentAtMs: nowMs,
    payload: carrying(before),
  }
  const envelope = encodeEnvelope(carried)
  const id = idOf(me, peer, envelope, carried)
  return {
    chains: { ...chains, clock, mine: { ...mine, sequence, head: id } },
    outgoing: {
      ...{ peer, chain, sequence, id, intent, envelope, sealed: null, receipts: [] },
      ...(erase !== undefined && { erase }),
    },
  }
}

/** Where a message of mine is after all that waited was carried over. */
export function placeAfter<T extends { chain: ChainId; sequence: number }>(
  chains: Chains,
  place: T,
): T {
  const last = chains.ended.at(-1)
  return place.chain !== last?.chain || place.sequence <= last.received
    ? place
    : { ...place, chain: chains.mine.chain, sequence: place.sequence - last.received }
}
