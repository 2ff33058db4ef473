import type { WayTally } from '../../db/schema.ts'
import { halved } from './half-life.ts'

/** What a connection in use by a way showed of it. */
export type Measure =
  | {
      /** A ping was answered too late, or never; see `LATE_MS`. */
      isLate: boolean
    }
  | {
      /** What went over it for a while; see `Pace`. */
      bytesPerSecond: number
    }

type Measured = Pick<WayTally, 'pings' | 'carried'>

/** Each ping weighs so much of the one after it: the last twenty or so count. */
const FADING = 0.95

/** As if so many had been answered in time before the first: one late one alone says little. */
const IN_TIME_BEFORE = 4

/** So many pings, as they weigh, tell a share that is worth saying. */
const TELLING_PINGS = 3

/** What is less than this many times what is known is no news, and not written down. */
const NEWS = 1.1

/** More, in bytes/s, makes no difference to people. */
export const MAX_BYTES_PER_SECOND = 1_000_000_000

/** What a way is worth of which nobody knows how much it carries, and how much more one that carries any amount. */
const UNKNOWN_CARRIAGE = 0.8

/** What carries so much is worth half of that more, in bytes/s: a picture in two seconds. */
const GOOD_BYTES_PER_SECOND = 500_000

/** What is known after one more measure; the same object when that is no news. */
export function measured(before: WayTally, measure: Measure, nowMs: number): WayTally {
  return 'isLate' in measure
    ? { ...before, pings: pinged(before.pings, measure.isLate, nowMs) }
    : withCarried(before, Math.min(measure.bytesPerSecond, MAX_BYTES_PER_SECOND), nowMs)
}

/** How many of the pings came back in time, from 0 to 1: 1 where none is known. */
export function punctuality({ pings }: Measured, nowMs: number): number {
  if (pings === undefined) return 1
  const weight = halved(pings.atMs, nowMs)
  return 1 - (pings.late * weight) / (pings.count * weight + IN_TIME_BEFORE)
}

/**
 * What it is worth how much a way carries, from 0.8 to 1. What went over it is the least it carries: a rate is as often the
 * sender's as the line's, so a low one is held against no way.
 */
export function carriage({ carried }: Measured, nowMs: number): number {
  const rate = carried === undefined ? 0 : carried.bytesPerSecond * halved(carried.atMs, nowMs)
  return UNKNOWN_CARRIAGE + (1 - UNKNOWN_CARRIAGE) * (rate / (rate + GOOD_BYTES_PER_SECOND))
}

/** The share of pings that were late or lost, from 0 to 1; null: too few are known. */
export function lateShare({ pings }: Measured): number | null {
  if (pings === undefined || pings.count < TELLING_PINGS) return null
  return pings.late / pings.count
}

function pinged(
  before: WayTally['pings'],
  isLate: boolean,
  nowMs: number,
): NonNullable<WayTally['pings']> {
  const weight = before === undefined ? 0 : FADING * halved(before.atMs, nowMs)
  const { count = 0, late = 0 } = before ?? {}
  return { count: count * weight + 1, late: late * weight + Number(isLate), atMs: nowMs }
}

/** The best counts, coming half as near each time: one burst may be no more than a full buffer. */
function withCarried(before: WayTally, rate: number, nowMs: number): WayTally {
  const { carried } = before
  const known = carried === undefined ? 0 : carried.bytesPerSecond * halved(carried.atMs, nowMs)
  if (rate < NEWS * known) return before
  const bytesPerSecond = known === 0 ? rate : (known + rate) / 2
  return { ...before, carried: { bytesPerSecond, atMs: nowMs } }
}
