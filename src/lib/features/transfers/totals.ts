import { StorageFullError } from '../../protocol/errors.ts'
import type { Clock, Logger } from '../../protocol/seams.ts'
import type { DayTotal } from './api.ts'
import type { TotalsStore } from './store.ts'

/** Days that are remembered, today among them. */
export const TOTAL_DAYS = 30

/** What was counted is written this often, ms: a crash costs at most so much of it. */
export const WRITE_MS = 10_000

export interface TotalsComponents {
  totals: TotalsStore
  clock: Clock
  log: Logger
}

/** How much came and went, day by day, over restarts. */
export class Totals {
  readonly #components: TotalsComponents
  /** By day. */
  readonly #days = new Map<string, DayTotal>()
  readonly #unwritten = new Set<string>()
  #cancelWrite: (() => void) | null = null
  #loaded: Promise<void> | null = null

  constructor(components: TotalsComponents) {
    this.#components = components
  }

  /** Resolves once what was counted before is known. */
  load(): Promise<void> {
    this.#loaded ??= this.#components.totals.all().then((rows) => {
      for (const { day, down, up } of rows) this.#of(day, down, up)
    })
    return this.#loaded
  }

  /** Resolves once all that was counted is written. */
  async stop(): Promise<void> {
    this.#cancelWrite?.()
    await this.#write()
  }

  count(way: 'down' | 'up', bytes: number): void {
    const day = this.#daysBack(0)
    this.#of(day)[way] += bytes
    this.#unwritten.add(day)
    this.#cancelWrite ??= this.#components.clock.after(WRITE_MS, () => void this.#write())
  }

  /** The last days, the oldest first and today last. */
  get days(): DayTotal[] {
    return Array.from({ length: TOTAL_DAYS }, (_, at) => {
      const day = this.#daysBack(TOTAL_DAYS - 1 - at)
      return { ...(this.#days.get(day) ?? { day, down: 0, up: 0 }) }
    })
  }

  /** With so much more in it. */
  #of(day: string, down = 0, up = 0): DayTotal {
    const total = this.#days.get(day) ?? { day, down: 0, up: 0 }
    total.down += down
    total.up += up
    this.#days.set(day, total)
    return total
  }

  async #write(): Promise<void> {
    this.#cancelWrite = null
    const { totals, log } = this.#components
    const oldest = this.#daysBack(TOTAL_DAYS - 1)
    try {
      await this.load()
      const changed = [...this.#unwritten].flatMap((day) => this.#days.get(day) ?? [])
      this.#unwritten.clear()
      await totals.put(changed.map((total) => ({ ...total })))
      for (const day of [...this.#days.keys()].filter((each) => each < oldest)) {
        this.#days.delete(day)
        await totals.delete(day)
      }
    } catch (error) {
      // Figures for the person alone: nothing depends on them.
      if (!(error instanceof StorageFullError)) log.error('totals are not kept', error)
    }
  }

  /** As people here count days. */
  #daysBack(count: number): string {
    const date = new Date(this.#components.clock.now())
    date.setDate(date.getDate() - count)
    const two = (value: number): string => String(value).padStart(2, '0')
    return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  }
}
