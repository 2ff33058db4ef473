import type { Random } from '#lib/protocol/seams.ts'

/** Probabilities of what may go wrong, each time it may. */
export interface FaultRates {
  frameLost: number
  frameDoubled: number
  frameLate: number
  frameByADay: number
  frameOvertakes: number
  channelBrief: number
  requestLost: number
  answerLost: number
  requestDoubled: number
  requestByADay: number
  crash: number
  noRoom: number
  slowDisk: number
}

export const NO_FAULTS: FaultRates = {
  frameLost: 0,
  frameDoubled: 0,
  frameLate: 0,
  frameByADay: 0,
  frameOvertakes: 0,
  channelBrief: 0,
  requestLost: 0,
  answerLost: 0,
  requestDoubled: 0,
  requestByADay: 0,
  crash: 0,
  noRoom: 0,
  slowDisk: 0,
}

/** Decides over everything by chance, and counts what went wrong. */
export class Faults {
  readonly random: Random
  readonly counts = new Map<string, number>()
  #rates: FaultRates

  constructor(random: Random, rates: FaultRates) {
    this.random = random
    this.#rates = rates
  }

  /** Whether this goes wrong now. */
  happens(fault: keyof FaultRates): boolean {
    const rate = this.#rates[fault]
    if (rate === 0 || this.random.fraction() >= rate) return false
    this.count(fault)
    return true
  }

  count(fault: string): void {
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1)
  }

  /** Nothing goes wrong any more. */
  heal(): void {
    this.#rates = NO_FAULTS
  }

  between(least: number, most: number): number {
    return least + this.random.fraction() * (most - least)
  }

  oneIn(count: number): boolean {
    return this.random.fraction() * count < 1
  }

  below(count: number): number {
    return Math.floor(this.random.fraction() * count)
  }

  oneOf<T>(all: readonly T[]): T {
    return all[this.below(all.length)]!
  }
}
