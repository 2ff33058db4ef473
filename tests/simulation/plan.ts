import type { Random } from '#lib/protocol/seams.ts'
import { NO_FAULTS, type FaultRates } from './faults.ts'
import { MAX_PEOPLE, MAX_RELAYS } from './people.ts'
import { VICES, type Vice } from './relay.ts'

const DAY_MS = 24 * 60 * 60 * 1000

/** Clocks are off by up to this. */
const MAX_SKEW_MS = 30 * DAY_MS

/** What a seed decides before anything happens. */
export interface Plan {
  people: number
  /** Numbers of those who have each other. */
  pairs: [number, number][]
  /** Those of these pairs that have each other from the start; the others say hello first. */
  met: boolean[]
  vices: Vice[]
  deviceSkewsMs: number[]
  relaySkewsMs: number[]
  rates: FaultRates
  /** How often each of these happens, beside sending, as weights. */
  events: {
    restart: number
    crash: number
    sleep: number
    cut: number
    relayDown: number
    unreachable: number
    narrow: number
    fill: number
    loseKeys: number
    forget: number
    backup: number
    restore: number
    longSleep: number
  }
  /** Long sleeps last up to this. */
  longestSleepMs: number
  messages: number
  /** What happens after the last message, and before all faults are over. */
  quietSteps: number
  /** How it is that nobody can be met from the last message on, so that mailboxes alone have to do; null: they can. */
  mailboxesAlone: 'cut' | 'hanging' | null
  /** At first no relay answers then either, and everybody who is there says one thing more. */
  outage: boolean
}

/** Each fault is in some seeds and not in others, so that each also shows with few others around it. */
export function planOf(random: Random): Plan {
  const chance = (share: number): boolean => random.fraction() < share
  const upTo = (most: number): number => random.fraction() * most
  const maybe = (most: number, share = 0.4): number => (chance(share) ? upTo(most) : 0)
  const pick = <T>(all: readonly T[]): T => all[Math.floor(random.fraction() * all.length)]!
  const people = pick([2, 2, 2, 2, 3, 3, 4, MAX_PEOPLE])
  const relays = pick([1, 2, 3, 3, 3, MAX_RELAYS])
  const skewed = chance(0.5)
  const skew = (): number => (skewed ? (random.fraction() * 2 - 1) * MAX_SKEW_MS : 0)
  const vicious = chance(0.3)
  const backups = (): { backup: number; restore: number } => {
    const restore = maybe(1, 0.4)
    // Where they are made seldom, the same one is restored more than once.
    return { backup: restore * pick([0.4, 2]), restore }
  }
  const pairs = pairsOf(people)
  const strangers = chance(0.25)
  return {
    people,
    pairs,
    met: pairs.map(() => !(strangers && chance(0.6))),
    vices: Array.from({ length: relays }, () => (vicious && chance(0.4) ? pick(VICES) : 'none')),
    deviceSkewsMs: Array.from({ length: people }, skew),
    relaySkewsMs: Array.from({ length: relays }, skew),
    rates: {
      ...NO_FAULTS,
      frameLost: maybe(0.3),
      frameDoubled: maybe(0.3),
      frameLate: maybe(0.3),
      frameByADay: maybe(0.02),
      frameOvertakes: maybe(0.2),
      channelBrief: maybe(0.5, 0.3),
      requestLost: maybe(0.15),
      answerLost: maybe(0.15),
      requestDoubled: maybe(0.3),
      requestByADay: maybe(0.05),
      crash: maybe(0.02, 0.5),
      noRoom: maybe(0.03, 0.3),
      slowDisk: maybe(0.1, 0.5),
    },
    events: {
      restart: maybe(2, 0.7),
      crash: maybe(1),
      sleep: maybe(1.5, 0.6),
      cut: maybe(2, 0.7),
      relayDown: maybe(1),
      unreachable: maybe(1),
      narrow: maybe(0.5, 0.25),
      fill: maybe(0.5, 0.25),
      loseKeys: maybe(1.5, 0.3),
      forget: maybe(1.2, 0.3),
      ...backups(),
      longSleep: maybe(0.3, 0.5),
    },
    longestSleepMs: chance(0.15) ? 70 * DAY_MS : 2 * DAY_MS,
    messages: Math.floor(80 + upTo(60)),
    quietSteps: Math.floor(upTo(40)),
    mailboxesAlone: chance(0.5) ? pick(['cut', 'cut', 'hanging']) : null,
    outage: chance(0.4),
  }
}

/** Everybody has somebody; of many people not everybody has everybody. */
function pairsOf(people: number): [number, number][] {
  const pairs: [number, number][] = []
  for (let a = 0; a < people; a += 1) {
    for (let b = a + 1; b < people; b += 1) {
      if (people <= 3 || b === a + 1) pairs.push([a, b])
    }
  }
  return pairs
}
