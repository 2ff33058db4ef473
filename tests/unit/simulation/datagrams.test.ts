import { describe, expect, it } from 'vitest'
import { inBursts, independent, type Loss } from '../../simulation/datagrams/loss.ts'
import { either, once, repaired, stream, type Line } from '../../simulation/datagrams/sending.ts'
import { shownWronglyMs, speech, typing } from '../../simulation/datagrams/traffic.ts'

const DELAY_MS = 50

function line(loss: Loss): Line {
  return { delayMs: DELAY_MS, loss }
}

/** Loses what is sent at these moments, each time once. */
function losing(...moments: number[]): Line {
  const left = [...moments]
  return line((atMs) => {
    const found = left.indexOf(atMs)
    if (found >= 0) left.splice(found, 1)
    return found >= 0
  })
}

const perfect = line(() => false)

describe('a line', () => {
  it('loses the share it is to lose, each by itself', () => {
    const { arrived } = speech(1_000, once(line(independent(0.1, 7))))
    expect(arrived).toBeCloseTo(0.9, 2)
  })

  it('loses the same share in bursts, in which what follows one that is lost is mostly lost as well', () => {
    const loss = inBursts(0.1, 1_000, 7)
    const lost = Array.from({ length: 100_000 }, (_, nth) => loss(20 * nth))
    const share = (of: boolean[]): number => of.filter((each) => each).length / of.length
    expect(share(lost)).toBeCloseTo(0.1, 1)
    // Four of five in a burst, and in 20 ms one of fifty bursts ends.
    expect(share(lost.slice(1).filter((_, before) => lost[before]))).toBeCloseTo(0.8 * 0.98, 1)
  })

  it('has the same bursts for whoever sends on it, in whatever order', () => {
    const moments = Array.from({ length: 20_000 }, (_, nth) => 20 * nth)
    const lostBy = (order: number[]): Set<number> => new Set(order.filter(inBursts(0.2, 100, 7)))
    const [forth, back] = [lostBy(moments), lostBy(moments.toReversed())]
    const both = moments.filter((atMs) => forth.has(atMs) && back.has(atMs))
    // 0.04 if they had nothing to do with each other.
    expect(both.length / moments.length).toBeCloseTo(0.2 * 0.8, 1)
  })
})

describe('a stream', () => {
  it('sends again after 400 ms, then after twice that', () => {
    expect(stream(losing(0, 400))([0])).toEqual([1_200 + DELAY_MS])
  })

  it('holds back what is behind one that is missing', () => {
    expect(stream(losing(0))([0, 100])).toEqual([450, 450])
  })
})

describe('datagrams', () => {
  it('are there once at most one of two lines lost them', () => {
    const later = { ...losing(20), delayMs: 80 }
    expect(either(once(losing(0, 20)), once(later))([0, 20, 40])).toEqual([80, null, 90])
  })

  it('are restored when as many of their block are there as it has data', () => {
    expect(repaired(2, 1, 10, once(losing(0)))([0, 20])).toEqual([80, 70])
    expect(repaired(2, 1, 10, once(losing(0, 20)))([0, 20])).toEqual([null, null])
    expect(repaired(2, 1, 10, once(losing(0, 30)))([0, 20])).toEqual([null, 70])
  })

  it('are restored as often as the binomial distribution has it', () => {
    const share = 0.1
    const { arrived } = speech(1_000, repaired(2, 1, 0, once(line(independent(share, 7)))))
    // Lost with at least one of the two others of its block.
    expect(1 - arrived).toBeCloseTo(share * (1 - (1 - share) ** 2), 2)
  })
})

describe('speech', () => {
  it('misses what comes later than 150 ms', () => {
    const late: Line = { ...perfect, delayMs: 151 }
    expect(speech(1, once(late))).toMatchObject({ arrived: 1, noticed: 1 })
    expect(speech(1, once({ ...perfect, delayMs: 150 }))).toMatchObject({ noticed: 0 })
  })
})

describe('that somebody writes', () => {
  /** When the words of a text of 20 s are said: seven that they write, and that they have stopped. */
  const SAID_MS = [0, 3_000, 6_000, 9_000, 12_000, 15_000, 18_000, 20_000]

  it('is shown wrongly for as long as the first and the last word are under way', () => {
    expect(typing(10, once(perfect)).noticed).toBe(2 * DELAY_MS)
  })

  it('is not noticed when one in the middle is lost', () => {
    const there = SAID_MS.map((atMs) => (atMs === 9_000 ? null : atMs))
    expect(shownWronglyMs(there)).toBe(0)
  })

  it('is shown for 7 s too long after the last that came when the end is lost', () => {
    expect(shownWronglyMs([...SAID_MS.slice(0, -1), null])).toBe(18_000 + 7_000 - 20_000)
  })

  it('is not shown again by what comes after the end', () => {
    const there = SAID_MS.map((atMs) => (atMs === 18_000 ? 21_000 : atMs))
    expect(shownWronglyMs(there)).toBe(0)
  })

  it('is not shown for longer by an older word that was under way for longer', () => {
    const there = [0, 3_000, 6_000, 9_000, 12_000, 20_000, 18_000, null]
    expect(shownWronglyMs(there)).toBe(18_000 + 7_000 - 20_000)
  })

  it('is never shown when nothing comes', () => {
    expect(shownWronglyMs(SAID_MS.map(() => null))).toBe(20_000)
  })
})
