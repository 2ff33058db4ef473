import { SpeedMeter } from './speed-meter.ts'

/** Fewest parts asked for ahead. */
export const MIN_WINDOW = 1

/** Fewest over each of several connections: were it one, each would stand still for a round trip after each part. */
export const MIN_WINDOW_EACH = 2

/** At first, before anything was measured: 1 MiB. */
export const FIRST_WINDOW = 4

/** Times the bandwidth-delay product: as BBR has it by default (`DefaultCwndGain` of draft-ietf-ccwg-bbr). */
const GAIN = 2

/**
 * Nobody is asked for more than they give in this time, ms, whatever the latency: libtorrent's `request_queue_time`, there
 * 3 s. More waits in the source's queue, where others who have nothing to do cannot be asked for it.
 */
const MAX_AHEAD_MS = 1_500

/** How long a measurement counts, ms: paths change. */
const MEMORY_MS = 10_000

/** Parts are measured together as long as none is so many times as long as another. */
const ALIKE = 2

/** Over how long the rate is taken, ms. */
const RATE_MS = 2_000

/**
 * How many parts to ask one source for ahead, so that it never waits for an ask and its queue is short: what waits in a
 * queue cannot be asked of somebody who has nothing to do.
 *
 * That is twice the bandwidth-delay product, delivery rate times least latency, as in BBR
 * (draft-ietf-ccwg-bbr, 4.6.2). More than once, so that it grows as long as more is delivered for it; when the path is full, the
 * latency of what waits in the source's queue does not count, because the least one does.
 */
export class Pipeline {
  readonly #max: number
  readonly #speed = new SpeedMeter()
  /** Bytes of the longest part that is measured. */
  #longest = 0
  /** When one of them came last. */
  #lastAtMs = 0
  #arrivals: { atMs: number; bytes: number }[] = []
  #latencies: { atMs: number; ms: number }[] = []
  #parts = 0
  #bytes = 0

  /** @param max most parts ahead, whatever is measured */
  constructor(max: number) {
    this.#max = max
  }

  /** A part came that was asked for at `askedAtMs`. */
  arrived(askedAtMs: number, nowMs: number, bytes: number): void {
    this.#speed.count(bytes, nowMs)
    // How soon a manifest comes says nothing of how soon a chunk does.
    const short = bytes * ALIKE < this.#longest
    if (short && nowMs - this.#lastAtMs < RATE_MS) return
    if (short || bytes > this.#longest * ALIKE) this.#begin()
    this.#longest = Math.max(this.#longest, bytes)
    this.#lastAtMs = nowMs
    this.#parts += 1
    this.#bytes += bytes
    this.#arrivals.push({ atMs: nowMs, bytes })
    // Only what may still be the least is kept: latencies rise from first to last.
    const ms = Math.max(1, nowMs - askedAtMs)
    while ((this.#latencies.at(-1)?.ms ?? 0) > ms) this.#latencies.pop()
    this.#latencies.push({ atMs: nowMs, ms })
    this.#forget(nowMs)
  }

  /** How many parts should be under way over so many connections. */
  window(nowMs: number, connections: number): number {
    this.#forget(nowMs)
    const rate = this.#rate(nowMs)
    const latencyMs = this.#latencies[0]?.ms
    const least = connections === 1 ? MIN_WINDOW : MIN_WINDOW_EACH * connections
    if (rate === null || latencyMs === undefined) {
      return Math.min(this.#max, Math.max(FIRST_WINDOW, least))
    }
    const partBytes = this.#bytes / this.#parts
    // The least latency has the queue in it as soon as that was never short: without an end to it both would grow.
    const aheadMs = Math.min(GAIN * latencyMs, MAX_AHEAD_MS)
    return Math.min(this.#max, Math.max(least, Math.ceil((rate * aheadMs) / partBytes)))
  }

  bytesPerSecond(nowMs: number): number {
    return this.#speed.bytesPerSecond(nowMs)
  }

  /** The shortest time from an ask to what was asked for; null before anything came. */
  get latencyMs(): number | null {
    return this.#latencies[0]?.ms ?? null
  }

  /** How long so many parts take from when they are asked for; for ever before anything came. */
  expectedMs(parts: number, nowMs: number): number {
    const { latencyMs } = this
    if (latencyMs === null) return Infinity
    const rate = this.#rate(nowMs)
    const eachMs = rate === null ? latencyMs : this.#bytes / this.#parts / rate
    return latencyMs + (parts - 1) * eachMs
  }

  /** Bytes a millisecond while there was something to give; null before two have come. */
  #rate(nowMs: number): number | null {
    const first = this.#arrivals.find(({ atMs }) => atMs > nowMs - RATE_MS)
    const last = this.#arrivals.at(-1)
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return null
    let bytes = -first.bytes
    for (const each of this.#arrivals) if (each.atMs >= first.atMs) bytes += each.bytes
    // What was held up comes in a bunch, faster than anybody gives it: BBR takes no rate over less than the least latency.
    return bytes / Math.max(last.atMs - first.atMs, this.#latencies[0]?.ms ?? 0)
  }

  #begin(): void {
    this.#longest = 0
    this.#parts = 0
    this.#bytes = 0
    this.#arrivals = []
    this.#latencies = []
  }

  #forget(nowMs: number): void {
    const arrival = this.#arrivals.findIndex(({ atMs }) => atMs > nowMs - MEMORY_MS)
    if (arrival > 0) this.#arrivals.splice(0, arrival)
    while (this.#latencies.length > 1 && this.#latencies[0]!.atMs <= nowMs - MEMORY_MS) {
      this.#latencies.shift()
    }
  }
}
