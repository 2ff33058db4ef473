import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { AbortOptions } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Uint8ArrayList } from 'uint8arraylist'
import { GIVE_UP_MS, MAX_QUEUE_BYTES, SIGN_OF_LIFE_MS } from '../../protocol/connect/connect.ts'
import {
  ackOf,
  type Frame,
  MAX_BATCH_BYTES,
  MAX_FRAME_BYTES,
  RESET,
} from '../../protocol/connect/frames.ts'
import { ReceiveQueue, SendQueue } from '../../protocol/connect/queues.ts'
import { type Clock, type Random } from '../../protocol/seams.ts'
import { Backoff } from '../backoff.ts'
import { NoAnswerError, SessionOverError, UnreachableError } from '../errors.ts'
import type { ConnectComponents } from './dial.ts'
import { type Carrier, firstFrameMs } from './http-carrier.ts'

/** libp2p writes at most this much at a time: the largest Noise message. */
const MAX_WRITE_BYTES = 64 * 1_024

/** What came is acknowledged after this, or with the next that goes up. */
export const ACK_DELAY_MS = 100

/** What came is acknowledged at once when it is so much: half of what the relay sends without. */
const ACK_BYTES = MAX_QUEUE_BYTES / 4

/** A way that lasted this long worked: the next is tried at once. */
const GOOD_WAY_MS = 1_000

/** Ways down, one after the other, that are refused or silent while what goes up arrives: no other of the kind would do. */
const FUTILE_WAYS = 2

/** How long the end of a connection may take to arrive. */
export const CLOSE_TIMEOUT_MS = 2_000

/** Between attempts, while a session waits to go on. */
const BACKOFF = { firstMs: 200, maxMs: 5_000 }

export interface ConnectConnectionInit {
  carrier: Carrier
  /** What comes down by the first way, begun already. */
  frames: AsyncIterable<Frame>
  /** Ends everything under way, that first way too. */
  life: AbortController
  remoteAddr: Multiaddr
  /** How long the last request took, ms. */
  requestMs: number
}

/**
 * A session as libp2p wants it. What goes up and what comes down are each tried again for `GIVE_UP_MS` when a request fails; then
 * the connection is reset. It is reset after `FUTILE_WAYS` when something in between has begun to gather or to refuse what comes down, and
 * requests go up as before: another mode may work.
 */
export class ConnectConnection extends AbstractMultiaddrConnection {
  readonly #clock: Clock
  readonly #random: Random
  readonly #carrier: Carrier
  readonly #over: AbortController
  readonly #up = new SendQueue()
  readonly #down = new ReceiveQueue()
  /** Bytes that came since the last acknowledgement. */
  #unacknowledgedBytes = 0
  /** Since when, if there are any. */
  #owedSinceMs: number | null = null
  /** When a request that went up was last answered. */
  #answeredAtMs: number
  /** How long that took. */
  #requestMs: number
  #full = false
  /** Told when all that was sent has arrived. */
  #onSent: (() => void) | null = null
  #wanted = Promise.withResolvers<undefined>()
  #resumed: PromiseWithResolvers<undefined> | null = null

  constructor({ clock, random, log }: ConnectComponents, init: ConnectConnectionInit) {
    super({
      direction: 'outbound',
      remoteAddr: init.remoteAddr,
      log,
      maxMessageSize: MAX_WRITE_BYTES,
    })
    this.#clock = clock
    this.#random = random
    this.#carrier = init.carrier
    this.#over = init.life
    this.#answeredAtMs = clock.now()
    this.#requestMs = init.requestMs
    this.addEventListener('close', () => {
      this.#over.abort()
    })
    this.#over.signal.addEventListener('abort', () => {
      this.#resumed?.resolve(undefined)
      this.#wanted.resolve(undefined)
      this.#onSent?.()
    })
    void this.#receive(init.frames)
    void this.#send()
  }

  override sendData(data: Uint8ArrayList): SendResult {
    let sentBytes = 0
    for (const chunk of data) {
      const taken = this.#up.push(chunk)
      sentBytes += taken
      this.#full = taken < chunk.byteLength
      if (this.#full) break
    }
    this.#wanted.resolve(undefined)
    return { sentBytes, canSendMore: !this.#full }
  }

  override sendReset(): void {
    this.#over.abort()
    this.#tell(RESET)
  }

  override async sendClose(options?: AbortOptions): Promise<void> {
    this.#up.end()
    this.#wanted.resolve(undefined)
    const { promise: late, resolve } = Promise.withResolvers<undefined>()
    const done = (): void => {
      resolve(undefined)
    }
    const cancel = this.#clock.after(CLOSE_TIMEOUT_MS, done)
    options?.signal?.addEventListener('abort', done)
    this.#onSent = done
    await late
    cancel()
    options?.signal?.removeEventListener('abort', done)
  }

  override sendPause(): void {
    this.#resumed ??= Promise.withResolvers()
  }

  override sendResume(): void {
    this.#resumed?.resolve(undefined)
    this.#resumed = null
  }

  async #receive(first: AsyncIterable<Frame>): Promise<void> {
    const attempts = this.#attempts()
    let frames = first
    /** When those that were refused or silent, one after the other, failed. */
    const futileAtMs: number[] = []
    while (!this.#over.signal.aborted) {
      const next = this.#down.next
      const beganAtMs = this.#clock.now()
      let silent = true
      let futile = false
      try {
        for await (const frame of frames) {
          silent = false
          attempts.worked()
          if (!this.#take(frame)) return
          await this.#resumed?.promise
        }
        silent = false
        attempts.worked()
      } catch (error) {
        if (this.#isOver(error)) return
        futile = silent && (error instanceof UnreachableError || error instanceof NoAnswerError)
      }
      if (futile) {
        futileAtMs.push(this.#clock.now())
        if (futileAtMs.length >= FUTILE_WAYS && this.#answeredAtMs > futileAtMs[0]!) {
          this.abort(new NoAnswerError('what goes up arrives, and nothing comes down'))
          return
        }
        this.#ask()
      } else futileAtMs.length = 0
      // One that was given up because nothing came lasted long as well.
      const lasted = !silent && this.#clock.now() - beganAtMs >= GOOD_WAY_MS
      const good = lasted || this.#down.next > next
      if (!(await attempts.next(good))) return
      frames = this.#carrier.down(this.#down.next, this.#over.signal, firstFrameMs(this.#requestMs))
    }
  }

  /** Sends something up soon, whose answer tells whether the relay can be reached at all. */
  #ask(): void {
    this.#owedSinceMs ??= this.#clock.now()
    this.#wanted.resolve(undefined)
  }

  /** Whether more is to come. */
  #take(frame: Frame): boolean {
    if (frame.type === 'reset') this.#remoteReset()
    if (frame.type !== 'data' && frame.type !== 'end') return frame.type !== 'reset'
    const data = this.#down.take(frame)
    if (data !== null) {
      this.#unacknowledgedBytes += data.byteLength
      this.#ask()
      this.onData(data)
    }
    if (!this.#down.ended) return !this.#over.signal.aborted
    this.#tell(ackOf(this.#down.next))
    this.onTransportClosed()
    return false
  }

  async #send(): Promise<void> {
    const attempts = this.#attempts()
    let batchBytes = MAX_BATCH_BYTES
    while (await this.#due()) {
      const { acknowledged } = this.#up
      const frames = this.#up.from(acknowledged, batchBytes)
      const received = this.#down.next
      try {
        const sinceMs = this.#clock.now()
        this.#unacknowledgedBytes = 0
        this.#owedSinceMs = null
        const number = await this.#carrier.up([ackOf(received), ...frames], this.#over.signal)
        this.#answeredAtMs = this.#clock.now()
        this.#requestMs = this.#answeredAtMs - sinceMs
        attempts.worked()
        this.#arrived(number)
        const progress = frames.length === 0 || number > acknowledged
        // Else the relay waited in vain for its libp2p to read: it is asked again with little.
        batchBytes = progress ? Math.min(MAX_BATCH_BYTES, batchBytes * 2) : MAX_FRAME_BYTES
        const waited = this.#requestMs >= GOOD_WAY_MS / 2
        if (!(await attempts.next(progress || waited))) return
      } catch (error) {
        if (this.#isOver(error)) return
        this.#owedSinceMs ??= this.#clock.now()
        // On a slow way a request that is too long never arrives whole.
        batchBytes = Math.max(MAX_FRAME_BYTES, batchBytes / 2)
        if (!(await attempts.next(false))) return
      }
    }
  }

  #arrived(number: number): void {
    this.#up.acknowledge(number)
    if (this.#up.bytes === 0) this.#onSent?.()
    if (!this.#full || this.#up.bytes > MAX_QUEUE_BYTES / 2) return
    this.#full = false
    this.safeDispatchEvent('drain')
  }

  /** Waits until something is to be sent up; false when the connection is over. */
  async #due(): Promise<boolean> {
    for (;;) {
      if (this.#over.signal.aborted) return false
      const waitMs = this.#dueInMs()
      if (waitMs <= 0) return true
      this.#wanted = Promise.withResolvers()
      const cancel = Number.isFinite(waitMs)
        ? this.#clock.after(waitMs, () => {
            this.#wanted.resolve(undefined)
          })
        : undefined
      await this.#wanted.promise
      cancel?.()
    }
  }

  #dueInMs(): number {
    if (this.#up.bytes > 0) return 0
    // Each request for a complete answer acknowledges, and is a sign of life.
    if (!this.#carrier.streams) return Infinity
    if (this.#unacknowledgedBytes >= ACK_BYTES) return 0
    const dueAtMs =
      this.#owedSinceMs === null
        ? this.#answeredAtMs + SIGN_OF_LIFE_MS
        : this.#owedSinceMs + ACK_DELAY_MS
    return dueAtMs - this.#clock.now()
  }

  /** Whether nothing is to be tried again. */
  #isOver(error: unknown): boolean {
    if (this.#over.signal.aborted) return true
    this.log('a request failed - %e', error)
    if (!(error instanceof SessionOverError)) return false
    this.#remoteReset()
    return true
  }

  #remoteReset(): void {
    if (this.status === 'open' || this.status === 'closing') this.onRemoteReset()
  }

  /** Says this once; whether it arrives matters little. */
  #tell(frame: Frame): void {
    this.#carrier.up([frame], AbortSignal.timeout(CLOSE_TIMEOUT_MS)).catch(() => undefined)
  }

  /** One way's attempts: waits between those that fail, and gives up when none has worked for long. */
  #attempts(): { worked: () => void; next: (good: boolean) => Promise<boolean> } {
    const backoff = new Backoff(this.#random, BACKOFF)
    let workedAtMs = this.#clock.now()
    return {
      worked: () => {
        workedAtMs = this.#clock.now()
      },
      next: async (good) => {
        if (this.#over.signal.aborted) return false
        if (good) {
          backoff.reset()
          return true
        }
        if (this.#clock.now() - workedAtMs >= GIVE_UP_MS) {
          this.abort(new NoAnswerError(`nothing arrived for ${GIVE_UP_MS} ms`))
          return false
        }
        const { promise, resolve } = Promise.withResolvers<undefined>()
        const over = (): void => {
          resolve(undefined)
        }
        const cancel = this.#clock.after(backoff.next(), over)
        this.#over.signal.addEventListener('abort', over)
        await promise
        this.#over.signal.removeEventListener('abort', over)
        cancel()
        return !this.#over.signal.aborted
      },
    }
  }
}
