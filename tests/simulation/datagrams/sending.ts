import type { Loss } from './loss.ts'

/** A way to the other side. */
export interface Line {
  delayMs: number
  loss: Loss
}

/** When each of these, sent at these moments in this order, is there; null: never. */
export type Sending = (sentMs: readonly number[]) => (number | null)[]

/**
 * The shortest and the longest time after which SCTP sends again, in Chromium (`rto_min` and `rto_max` of dcSCTP,
 * net/dcsctp/public/dcsctp_options.h). Doubled each time (RFC 9260, 6.3.3).
 */
const AGAIN_MS = { least: 400, most: 60_000 }

/**
 * As a reliable ordered data channel does, on which Starling's streams over a direct connection are: for what is sent so seldom that
 * nothing behind it shows that it is missing. What is reported back is never lost.
 */
export function stream({ delayMs, loss }: Line): Sending {
  return (sentMs) => {
    let lastMs = 0
    return sentMs.map((firstMs) => {
      let atMs = firstMs
      for (let waitMs = AGAIN_MS.least; loss(atMs); waitMs = Math.min(2 * waitMs, AGAIN_MS.most)) {
        atMs += waitMs
      }
      lastMs = Math.max(lastMs, atMs + delayMs)
      return lastMs
    })
  }
}

/** All of these at once: what is there first counts. */
export function either(...sendings: readonly Sending[]): Sending {
  return (sentMs) => {
    const copies = sendings.map((sending) => sending(sentMs))
    return sentMs.map((_, index) => first(copies.map((copy) => copy[index]!)))
  }
}

/** Once, and never again. */
export function once({ delayMs, loss }: Line): Sending {
  return (sentMs) => sentMs.map((atMs) => (loss(atMs) ? null : atMs + delayMs))
}

/**
 * With repair by an ideal erasure code, as Reed–Solomon's is: of `data` and the `parity` that follow the last of them, any `data`
 * restore all.
 *
 * @param sending of each, data or parity
 * @param parityMs between the last of the data and the first parity, and between these
 */
export function repaired(
  data: number,
  parity: number,
  parityMs: number,
  sending: Sending,
): Sending {
  return (sentMs) => {
    const there: (number | null)[] = []
    for (let from = 0; from < sentMs.length; from += data) {
      const block = sentMs.slice(from, from + data)
      const repairs = Array.from(
        { length: parity },
        (_, nth) => block.at(-1)! + (nth + 1) * parityMs,
      )
      const came = sending([...block, ...repairs])
      const enough = came.filter((atMs) => atMs !== null).toSorted((a, b) => a - b)
      const restoredMs = enough[block.length - 1] ?? null
      there.push(...came.slice(0, block.length).map((atMs) => atMs ?? restoredMs))
    }
    return there
  }
}

function first(copies: readonly (number | null)[]): number | null {
  const came = copies.filter((atMs) => atMs !== null)
  return came.length === 0 ? null : Math.min(...came)
}
