import type { Clock } from '#lib/protocol/seams.ts'

interface Event {
  atMs: number
  /** Of two at the same time the one planned first comes first. */
  order: number
  call: (() => void) | null
}

/** Time that passes only from event to event. Everything that an event sets off has happened before the next. */
export class VirtualTime {
  #nowMs: number
  #planned = 0
  /** A binary heap: no event is later than those below it. */
  readonly #heap: Event[] = []

  constructor(nowMs: number) {
    this.#nowMs = nowMs
  }

  get nowMs(): number {
    return this.#nowMs
  }

  /** The returned function takes it back. */
  after(delayMs: number, call: () => void): () => void {
    const event: Event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#planned++, call }
    this.#push(event)
    return () => {
      event.call = null
    }
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms
    await calm()
    for (
      let event = this.#heap[0];
      event !== undefined && event.atMs <= endMs;
      event = this.#heap[0]
    ) {
      this.#pop()
      if (event.call === null) continue
      this.#nowMs = Math.max(this.#nowMs, event.atMs)
      event.call()
      await calm()
    }
    this.#nowMs = endMs
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!isBefore(event, heap[above]!)) break
      heap[at] = heap[above]!
      at = above
    }
    heap[at] = event
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()!
    if (heap.length === 0) return
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= heap.length) break
      if (below + 1 < heap.length && isBefore(heap[below + 1]!, heap[below]!)) below += 1
      if (!isBefore(heap[below]!, last)) break
      heap[at] = heap[below]!
      at = below
    }
    heap[at] = last
  }
}

/** A wall clock that is so far off. What waits by it is taken back by nobody: only for what never ends. */
export function skewedClock(time: VirtualTime, skewMs: number): Clock {
  return {
    now: () => Math.floor(time.nowMs + skewMs),
    after: (delayMs, call) => time.after(delayMs, call),
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order)
}

/** Promises are all that is under way, and none waits for the machine: when it gets its turn, all have settled. */
function calm(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
