import type { Clock } from '../../protocol/seams.ts'
import type { Reader } from './reader.ts'

/** Readers given to at once. More would each get less, and have something whole to pass on later. */
export const UPLOAD_SLOTS = 8

/** How long a slot is kept while others wait. */
export const SLOT_MS = 10_000

export interface UploadSlotsComponents {
  clock: Clock
}

export interface UploadSlotsInit {
  /** Bytes a second that this reader gives to us now: who gives is given to. */
  givenBy(reader: Reader): number
}

/**
 * Who is given to, and who is choked. Nobody is while there are few readers; else each has a slot for a while, and those
 * who give to us most keep theirs.
 */
export class UploadSlots {
  readonly #clock: Clock
  readonly #init: UploadSlotsInit
  readonly #readers = new Set<Reader>()
  #cancel: (() => void) | null = null

  constructor({ clock }: UploadSlotsComponents, init: UploadSlotsInit) {
    this.#clock = clock
    this.#init = init
  }

  add(reader: Reader): void {
    this.#readers.add(reader)
    reader.sinceMs = this.#clock.now()
    this.#settle()
  }

  remove(reader: Reader): void {
    if (this.#readers.delete(reader)) this.#settle()
  }

  stop(): void {
    this.#cancel?.()
    this.#cancel = null
    this.#readers.clear()
  }

  /** Gives free slots to who has waited longest, and looks again when the next may be taken away. */
  #settle(): void {
    const nowMs = this.#clock.now()
    const readers = [...this.#readers]
    const served = readers.filter(({ choked }) => !choked).length
    const waiting = readers.filter(({ choked }) => choked).sort((a, b) => a.sinceMs - b.sinceMs)
    for (const reader of waiting.splice(0, UPLOAD_SLOTS - served)) reader.choke(false, nowMs)
    this.#cancel?.()
    this.#cancel = null
    if (waiting.length === 0) return
    this.#cancel = this.#clock.after(SLOT_MS, () => {
      this.#rotate()
    })
  }

  /** Half of the slots go to others: not those of whom we are given most by. */
  #rotate(): void {
    const nowMs = this.#clock.now()
    const readers = [...this.#readers]
    const waiting = readers.filter(({ choked }) => choked).length
    const over = readers
      .filter(({ choked, sinceMs }) => !choked && nowMs - sinceMs >= SLOT_MS)
      .sort((a, b) => this.#init.givenBy(a) - this.#init.givenBy(b) || a.sinceMs - b.sinceMs)
    for (const reader of over.slice(0, Math.min(waiting, UPLOAD_SLOTS / 2))) {
      reader.choke(true, nowMs)
    }
    this.#settle()
  }
}
