import type { WayTally } from '../../db/schema.ts'
import { halved } from './half-life.ts'
import { carriage, punctuality } from './measured.ts'

/** How a relay is reached. Which mode of plain HTTP goes is found out while it is dialled. */
export type RelayWay = WayTally['way']

/** A way, and what is known of it on a network. */
interface Way {
  way: RelayWay
  tally: WayTally | undefined
}

/** How a try ended; `cut`: the last one that came through broke soon, which it had not come through for. */
export type Outcome =
  | { through: false; cut?: true }
  | {
      through: true
      /** From the first packet to a connection that can be used; null: other modes were tried for a part of it. */
      openMs: number | null
      /** Over HTTP: the mode that went. */
      mode?: WayTally['mode']
      /** It has lasted since, so that what was seen before counts no more. */
      lasted?: true
    }

/** Each try weighs so much of the one after it. */
export const FADING = 0.8

/** How likely each comes through where nothing was tried, as if one try had: some networks let no UDP out. */
const UNTRIED: Record<RelayWay, number> = { websocket: 0.9, http: 0.75, webtransport: 0.4 }

/** What each is worth once it is open: over plain HTTP whatever goes up is a request of its own. */
const WORTH: Record<RelayWay, number> = { websocket: 1, http: 0.6, webtransport: 1 }

/** How long one takes to open where that was never seen. */
const UNTRIED_OPEN_MS = 500

/** A way that opens in this time is worth half of one that is there at once: to come through weighs more. */
const SLOW_OPEN_MS = 10_000

/** Of two that are open one is better than the other when it is worth so many times that: less is not worth a move. */
const CLEARLY = 1.25

/** The least and the most time before another way is tried beside this one. */
export const HEAD_START_MS = { least: 1_000, most: 4_000 }

/**
 * How good a way is on a network, from 0 to 1: how likely it comes through, how fast it opens, and what it is worth then, of
 * which how many pings come back in time and how much it carried are measured on connections in use.
 *
 * @param tally what is known of it there
 */
export function scoreOf(way: RelayWay, tally: WayTally | undefined, nowMs: number): number {
  const weight = tally === undefined ? 0 : halved(tally.atMs, nowMs)
  const { tries = 0, through = 0 } = tally ?? {}
  const likely = (through * weight + UNTRIED[way]) / (tries * weight + 1)
  return likely * worthOf(way, tally, nowMs)
}

/** Whether a way, once it is open, is clearly better than another one that is. */
export function outdoes(a: Way, b: Way, nowMs: number): boolean {
  return worthOf(a.way, a.tally, nowMs) >= CLEARLY * worthOf(b.way, b.tally, nowMs)
}

/** What it is worth when it comes through, from 0 to 1. */
function worthOf(way: RelayWay, tally: WayTally | undefined, nowMs: number): number {
  const quick = 1 / (1 + (tally?.openMs ?? UNTRIED_OPEN_MS) / SLOW_OPEN_MS)
  const proven = punctuality(tally ?? {}, nowMs) * carriage(tally ?? {}, nowMs)
  return quick * WORTH[way] * proven
}

/** How long a way is tried alone: some three times as long as it takes when it goes. */
export function headStartMs(tally: WayTally | undefined): number {
  const { least, most } = HEAD_START_MS
  const openMs = tally?.openMs ?? null
  return openMs === null ? most : Math.min(most, Math.max(least, 3 * openMs))
}

/** What is known after one more try. */
export function tallied(
  before: WayTally | undefined,
  { relay, way }: Pick<WayTally, 'relay' | 'way'>,
  outcome: Outcome,
  nowMs: number,
): WayTally {
  const isCut = !outcome.through && outcome.cut === true
  const isNew = before === undefined || (outcome.through && outcome.lasted === true)
  const weight = isNew ? 0 : (isCut ? 1 : FADING) * halved(before.atMs, nowMs)
  const tally: WayTally = {
    relay,
    way,
    tries: (before?.tries ?? 0) * weight + Number(!isCut),
    through: Math.max(0, (before?.through ?? 0) * weight + (isCut ? -1 : Number(outcome.through))),
    openMs: before?.openMs ?? null,
    atMs: nowMs,
    ...(before?.addresses !== undefined && { addresses: before.addresses }),
    ...(before?.pings !== undefined && { pings: before.pings }),
    ...(before?.carried !== undefined && { carried: before.carried }),
  }
  if (!outcome.through) return { ...tally, blocked: true }
  const { openMs, mode } = outcome
  if (openMs !== null) tally.openMs = tally.openMs === null ? openMs : (tally.openMs + openMs) / 2
  return mode === undefined ? tally : { ...tally, mode }
}
