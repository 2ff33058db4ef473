import type { Clock } from '#lib/protocol/seams.ts'
import type { VirtualTime } from './virtual-time.ts'

/**
 * A program on a device, from its start to its end. All that happens to it from outside goes through `after`, so that a
 * device that sleeps hears of nothing before it wakes, and one without power of nothing at all.
 */
export class Life implements Clock {
  readonly #time: VirtualTime
  readonly #skewMs: number
  readonly #alarms = new Set<object>()
  #asleep: (() => void)[] | null = null
  #dead = false

  constructor(time: VirtualTime, skewMs: number) {
    this.#time = time
    this.#skewMs = skewMs
  }

  get dead(): boolean {
    return this.#dead
  }

  get asleep(): boolean {
    return this.#asleep !== null
  }

  /** The program's own alarms that are still to come. */
  get pending(): number {
    return this.#alarms.size
  }

  now(): number {
    return Math.floor(this.#time.nowMs + this.#skewMs)
  }

  after(delayMs: number, call: () => void): () => void {
    const alarm = {}
    this.#alarms.add(alarm)
    const cancel = this.hears(delayMs, () => {
      if (this.#alarms.delete(alarm)) call()
    })
    return () => {
      this.#alarms.delete(alarm)
      cancel()
    }
  }

  /** Something from outside reaches the program after a while. */
  hears(delayMs: number, call: () => void): () => void {
    return this.#time.after(delayMs, () => {
      if (this.#dead) return
      if (this.#asleep === null) call()
      else this.#asleep.push(call)
    })
  }

  sleep(): void {
    this.#asleep ??= []
  }

  /** All it slept through happens now, in order. */
  wake(): void {
    const missed = this.#asleep ?? []
    this.#asleep = null
    for (const call of missed) this.hears(0, call)
  }

  /** The power goes: nothing of the program happens any more. */
  end(): void {
    this.#dead = true
    this.#alarms.clear()
  }

  /** What a program waits for that has no power. */
  gone<T>(): Promise<T> {
    return new Promise<T>(() => undefined)
  }
}
