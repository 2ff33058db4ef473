import type { Clock, Random } from '../../protocol/seams.ts'
import type { Reader } from './reader.ts'

/** Readers given to at once. More would each get less, and have something whole to pass on later. */
export const UPLOAD_SLOTS = 5

/** How long a slot is kept while others wait. */
export const SLOT_MS = 10_000

/** How long somebody stays choked at least, ms: with each choke all is rejected that they asked for ahead. */
export const CHOKED_MS = 2_000

export interface UploadSlotsComponents {
  clock: Clock
  random: Random
}

export interface UploadSlotsInit {
  /** Bytes a second that this reader gives to us now: who gives is given to. */
  givenBy(reader: Reader): number
  /** Whether nobody is given what this reader gets, for now. Once that changes, `settle`. */
  halts(reader: Reader): boolean
}

/**
 * Who is given to, and who is choked. Nobody is while there are few readers; else each who is interested has a slot for a
 * while, and those who give to us most keep theirs (Cohen, “Incentives Build Robustness in BitTorrent”, 2003).
 */
export class UploadSlots {
  readonly #clock: Clock
  readonly #random: Random
  readonly #init: UploadSlotsInit
  readonly #readers = new Set<Reader>()
  /** Who was choked, and until when they stay so. */
  readonly #restsUntil = new Map<Reader, number>()
  /** Take back when half of the slots go to others, and when who was choked may have one again. */
  #rotation: (() => void) | null = null
  #recovery: (() => void) | null = null

  constructor({ clock, random }: UploadSlotsComponents, init: UploadSlotsInit) {
    this.#clock = clock
    this.#random = random
    this.#init = init
  }

  add(reader: Reader): void {
    this.#readers.add(reader)
    reader.sinceMs = this.#clock.now()
    this.settle()
  }

  remove(reader: Reader): void {
    this.#restsUntil.delete(reader)
    if (this.#readers.delete(reader)) this.settle()
  }

  stop(): void {
    this.#rotation?.()
    this.#rotation = null
    this.#recovery?.()
    this.#recovery = null
    this.#readers.clear()
    this.#restsUntil.clear()
  }

  /**
   * Gives free slots to who has waited longest, and those of readers who need nothing to readers who do; looks again
   * when the next may be taken away.
   */
  settle(): void {
    const nowMs = this.#clock.now()
    for (const reader of this.#readers) {
      if (!reader.choked && this.#init.halts(reader)) reader.choke(true, nowMs)
    }
    const served = [...this.#readers].filter(({ choked }) => !choked)
    const idle = served.filter(({ interested }) => !interested)
    const waiting = this.#shuffled()
      .filter((reader) => reader.choked && !this.#init.halts(reader) && !this.#rests(reader, nowMs))
      .sort((a, b) => Number(b.interested) - Number(a.interested) || turn(a) - turn(b))
    let free = UPLOAD_SLOTS - served.length
    for (const reader of waiting) {
      if (free === 0 && reader.interested) {
        const other = idle.pop()
        if (other === undefined) break
        this.#choke(other, nowMs)
        free += 1
      }
      if (free === 0) break
      reader.choke(false, nowMs)
      free -= 1
    }
    this.#plan(nowMs)
  }

  /** What is planned stays so: readers turn so often that it would never come to pass otherwise. */
  #plan(nowMs: number): void {
    const wanting = this.#wanting()
    if (wanting.length === 0) {
      this.#rotation?.()
      this.#rotation = null
      return
    }
    this.#rotation ??= this.#clock.after(SLOT_MS, () => {
      this.#rotation = null
      this.#rotate()
    })
    if (!wanting.some((reader) => this.#rests(reader, nowMs))) return
    this.#recovery ??= this.#clock.after(CHOKED_MS, () => {
      this.#recovery = null
      this.settle()
    })
  }

  /** Half of the slots go to others: not those of whom we are given most by. */
  #rotate(): void {
    const nowMs = this.#clock.now()
    const waiting = this.#wanting().length
    const over = [...this.#readers]
      .filter(({ choked, sinceMs }) => !choked && nowMs - sinceMs >= SLOT_MS)
      .sort((a, b) => this.#init.givenBy(a) - this.#init.givenBy(b) || a.sinceMs - b.sinceMs)
    for (const reader of over.slice(0, Math.min(waiting, UPLOAD_SLOTS / 2))) {
      this.#choke(reader, nowMs)
    }
    this.settle()
  }

  #wanting(): Reader[] {
    return [...this.#readers].filter(
      (reader) => reader.choked && reader.interested && !this.#init.halts(reader),
    )
  }

  #choke(reader: Reader, nowMs: number): void {
    reader.choke(true, nowMs)
    this.#restsUntil.set(reader, nowMs + CHOKED_MS)
  }

  /** Whoever came first would be the first with everybody, and the others would have nothing to pass on for long. */
  #shuffled(): Reader[] {
    return [...this.#readers]
      .map((reader) => ({ reader, at: this.#random.fraction() }))
      .sort((a, b) => a.at - b.at)
      .map(({ reader }) => reader)
  }

  #rests(reader: Reader, nowMs: number): boolean {
    return (this.#restsUntil.get(reader) ?? 0) > nowMs
  }
}

/** Of those who have waited for about as long, anybody is next. */
function turn({ sinceMs }: Reader): number {
  return Math.floor(sinceMs / SLOT_MS)
}
