import type { Connection } from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import type { Clock } from '../protocol/seams.ts'
import { equalBytes } from '../protocol/codec.ts'
import { endStream } from './end-stream.ts'
import { NoAnswerError } from './errors.ts'

/** https://github.com/libp2p/specs/blob/master/ping/ping.md: 32 bytes there and the same back. */
const PING_PROTOCOL = '/ipfs/ping/1.0.0'
const PING_BYTES = 32

/** A ping without an answer ends after this, however long its askers would wait. */
export const PING_TIMEOUT_MS = 10_000

/** An answer that takes longer is late: round trips by satellite and on a phone's worst line are shorter. */
export const LATE_MS = 2_000

/** What came of a ping. */
export interface Pinged {
  connection: Connection
  isLate: boolean
}

export interface PingerEvents {
  /** One was answered, or was not in time; one that ended sooner without an answer tells nothing. */
  pinged: CustomEvent<Pinged>
}

/**
 * Pings one very connection; libp2p's own ping chooses the connection itself.
 *
 * There is one ping at a time on a connection, whoever asks: stock peers take only two at once, one of which is
 * libp2p's own, and refuse the next, which must not look like a dead connection.
 */
export class Pinger extends TypedEventEmitter<PingerEvents> {
  readonly #clock: Clock
  readonly #running = new WeakMap<Connection, Promise<number>>()

  constructor(clock: Clock) {
    super()
    this.#clock = clock
  }

  /**
   * How long one message takes there and back, in ms; kept as the connection's `rtt`.
   *
   * @throws NoAnswerError when nothing or something else comes back within `limitMs`, at most `PING_TIMEOUT_MS`,
   * or the error of the connection that takes no stream
   */
  async ping(connection: Connection, limitMs = PING_TIMEOUT_MS): Promise<number> {
    const running = this.#running.get(connection) ?? this.#start(connection)
    const late = Promise.withResolvers<never>()
    const cancel = this.#clock.after(limitMs, () => {
      late.reject(new NoAnswerError(`no answer within ${limitMs} ms`))
    })
    try {
      return await Promise.race([running, late.promise])
    } finally {
      cancel()
    }
  }

  #start(connection: Connection): Promise<number> {
    const running = this.#ping(connection).finally(() => {
      this.#running.delete(connection)
    })
    this.#running.set(connection, running)
    return running
  }

  #tell(connection: Connection, isLate: boolean): void {
    this.safeDispatchEvent('pinged', { detail: { connection, isLate } })
  }

  async #ping(connection: Connection): Promise<number> {
    const limit = new AbortController()
    const cancel = this.#clock.after(PING_TIMEOUT_MS, () => {
      limit.abort(new NoAnswerError(`no answer within ${PING_TIMEOUT_MS} ms`))
    })
    const startMs = this.#clock.now()
    try {
      const latencyMs = await this.#exchange(connection, limit.signal)
      connection.rtt = latencyMs
      this.#tell(connection, latencyMs >= LATE_MS)
      return latencyMs
    } catch (error) {
      const tookMs = this.#clock.now() - startMs
      // One that took longer than it may was begun before this device slept.
      if (tookMs >= LATE_MS && tookMs < 2 * PING_TIMEOUT_MS) this.#tell(connection, true)
      throw error
    } finally {
      cancel()
    }
  }

  async #exchange(connection: Connection, signal: AbortSignal): Promise<number> {
    const stream = await connection.newStream(PING_PROTOCOL, {
      signal,
      runOnLimitedConnection: true,
    })
    const sent = crypto.getRandomValues(new Uint8Array(PING_BYTES))
    const startMs = this.#clock.now()
    const answer = Promise.withResolvers<undefined>()
    let received = 0
    stream.addEventListener('message', ({ data }) => {
      const expected = sent.subarray(received, received + data.byteLength)
      received += data.byteLength
      if (!equalBytes(data.subarray(), expected)) {
        answer.reject(new NoAnswerError('another answer than the ping'))
      } else if (received === PING_BYTES) answer.resolve(undefined)
    })
    const ended = (): void => {
      answer.reject(new NoAnswerError('the ping was cut off'))
    }
    stream.addEventListener('close', ended)
    signal.addEventListener('abort', () => {
      answer.reject(signal.reason as Error)
    })
    try {
      stream.send(sent)
      await answer.promise
    } catch (error) {
      stream.abort(error instanceof Error ? error : new NoAnswerError('no answer'))
      throw error
    } finally {
      stream.removeEventListener('close', ended)
    }
    endStream(stream)
    return this.#clock.now() - startMs
  }
}
