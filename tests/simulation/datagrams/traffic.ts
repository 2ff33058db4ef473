import { SHOWN_FOR_MS, TELL_EVERY_MS } from '#lib/features/chat/typing.ts'
import { quantile } from '../../support/trend.ts'
import type { Sending } from './sending.ts'

/** How long somebody writes, and then does not. */
const WRITING_MS = 20_000
const PAUSE_MS = 25_000

/** A frame of speech holds so much of it, as is common with Opus (RFC 6716, 2.1.4). */
const FRAME_MS = 20

/** What arrives later than this is of no use to a talk (ITU-T G.114). */
const IN_TIME_MS = 150

/** What became of the datagrams of one kind of traffic. */
export interface Outcome {
  /** Share that arrived, 0 to 1. */
  arrived: number
  /** Of those that arrived, from sent to there. */
  medianMs: number
  p99Ms: number
  /** What a person notices of it: for typing the time that it is shown wrongly for one text, for speech the share that is missed. */
  noticed: number
}

/** Somebody writes so many texts, one after the other, and it is shown as a chat shows it (`features/chat/typing.ts`). */
export function typing(texts: number, sending: Sending): Outcome {
  const tellMs = [...steps(0, WRITING_MS, TELL_EVERY_MS), WRITING_MS]
  const beginMs = [...steps(0, texts * (WRITING_MS + PAUSE_MS), WRITING_MS + PAUSE_MS)]
  const sentMs = beginMs.flatMap((from) => tellMs.map((afterMs) => from + afterMs))
  const thereMs = sending(sentMs)
  const wrongMs = beginMs.map((from, nth) =>
    shownWronglyMs(
      thereMs
        .slice(nth * tellMs.length, (nth + 1) * tellMs.length)
        .map((atMs) => (atMs === null ? null : atMs - from)),
    ),
  )
  return { ...lateness(sentMs, thereMs), noticed: mean(wrongMs) }
}

/** Somebody speaks without a pause. */
export function speech(seconds: number, sending: Sending): Outcome {
  const sentMs = [...steps(0, seconds * 1000, FRAME_MS)]
  const thereMs = sending(sentMs)
  const missed = thereMs.map((atMs, index) =>
    atMs === null || atMs - sentMs[index]! > IN_TIME_MS ? 1 : 0,
  )
  return { ...lateness(sentMs, thereMs), noticed: mean(missed) }
}

/**
 * How long it is not shown that somebody writes, and shown that somebody writes who does not.
 *
 * @param thereMs when each word of it is there, from the first key on; the last says that it is over
 */
export function shownWronglyMs(thereMs: readonly (number | null)[]): number {
  const heard = thereMs
    .map((atMs, nth) => ({ atMs: atMs ?? Infinity, nth }))
    .filter(({ atMs }) => atMs < Infinity)
    .toSorted((a, b) => a.atMs - b.atMs || a.nth - b.nth)
    // An older word says nothing any more.
    .filter(({ nth }, index, all) => all.slice(0, index).every((earlier) => earlier.nth < nth))
  let rightMs = 0
  let wrongMs = 0
  for (const [index, { atMs, nth }] of heard.entries()) {
    if (nth === thereMs.length - 1) break
    const endMs = Math.min(atMs + SHOWN_FOR_MS, heard[index + 1]?.atMs ?? Infinity)
    rightMs += Math.max(0, Math.min(endMs, WRITING_MS) - atMs)
    wrongMs += Math.max(0, endMs - Math.max(atMs, WRITING_MS))
  }
  return WRITING_MS - rightMs + wrongMs
}

function lateness(
  sentMs: readonly number[],
  thereMs: readonly (number | null)[],
): Omit<Outcome, 'noticed'> {
  const late = thereMs.flatMap((atMs, index) => (atMs === null ? [] : [atMs - sentMs[index]!]))
  return {
    arrived: late.length / sentMs.length,
    medianMs: quantile(late, 0.5),
    p99Ms: quantile(late, 0.99),
  }
}

function* steps(from: number, to: number, by: number): Generator<number> {
  for (let at = from; at < to; at += by) yield at
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
