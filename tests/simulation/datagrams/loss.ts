import type { Random } from '#lib/protocol/seams.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

/** Of what is sent while a burst lasts, so much is lost; between bursts nothing is. */
const LOST_IN_A_BURST = 0.8

/** Whether what is sent at this moment is lost. Moments may be asked for in any order. */
export type Loss = (atMs: number) => boolean

/** Each datagram is lost or not, whatever became of the others. @param share of all that is lost, 0 to 1 */
export function independent(share: number, seed: number): Loss {
  const random = seededRandom(seed)
  return () => random.fraction() < share
}

/**
 * Lost in bursts: the model of Gilbert (Capacity of a Burst-Noise Channel, 1960) and Elliott (1963) in continuous time, so that how
 * long a burst lasts does not depend on how much is sent. The same seed gives the same bursts to whatever is sent.
 *
 * @param share of all that is lost, less than `LOST_IN_A_BURST`
 * @param burstMs mean length of a burst
 */
export function inBursts(share: number, burstMs: number, seed: number): Loss {
  const turning = seededRandom(seed)
  const losing = seededRandom(~seed)
  const betweenMs = burstMs * (LOST_IN_A_BURST / share - 1)
  /** Where a burst begins, ends, the next begins, and so on. */
  const turns = [lasting(betweenMs, turning)]
  return (atMs) => {
    for (let last = turns.at(-1)!; last <= atMs; turns.push(last)) {
      last += lasting(turns.length % 2 === 1 ? burstMs : betweenMs, turning)
    }
    return turnsUntil(atMs, turns) % 2 === 1 && losing.fraction() < LOST_IN_A_BURST
  }
}

/** A time of this mean, without memory. */
function lasting(meanMs: number, random: Random): number {
  return -meanMs * Math.log(1 - random.fraction())
}

function turnsUntil(atMs: number, turns: readonly number[]): number {
  let [low, high] = [0, turns.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (turns[middle]! <= atMs) low = middle + 1
    else high = middle
  }
  return low
}
