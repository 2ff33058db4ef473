import { AbstractMultiaddrConnection, type SendResult } from '@libp2p/utils'
import type { Logger as Libp2pLogger } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Uint8ArrayList } from 'uint8arraylist'
import type { Frame } from '#lib/protocol/connect/frames.ts'
import { ReceiveQueue, SendQueue } from '#lib/protocol/connect/queues.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import { SlowReaderError } from '../errors.ts'
import type { Inbound } from '../inbound.ts'
import { CONNECT_HOLD_MS, CONNECT_LINGER_MS, MAX_WRITE_BUFFER_BYTES } from '../limits.ts'
import type { Refusals } from '../refusals.ts'
import { SlowReader } from '../slow-reader.ts'

/** libp2p writes at most this much at a time: the largest Noise message. */
const MAX_WRITE_BYTES = 64 * 1_024

/** What a session's frames go down by: an answer, or a WebSocket. */
export interface Carrier {
  /** There is more to send, or nothing will come any more. */
  wake(): void
  /** Another has taken its place. */
  close(): void
  /** The session is over, which the client is told: it would try to go on with it otherwise. */
  end(): void
}

export interface ConnectSessionInit {
  /** Of who opened it. */
  address: string
  remoteAddr: Multiaddr
  log: Libp2pLogger
  /** How long half of a full queue may take to be acknowledged. */
  slowReaderTimeoutMs: number
  /** Nothing of it is needed any more. */
  onOver: () => void
}

/**
 * A session as libp2p wants it.
 *
 * It keeps at most `MAX_QUEUE_BYTES` that were not acknowledged, holds at most `MAX_WRITE_BUFFER_BYTES` behind that,
 * and is cut when the reader does not take half of that in `slowReaderTimeoutMs`. While libp2p is paused, what comes up waits
 * with its sender.
 */
export class ConnectSession extends AbstractMultiaddrConnection implements Inbound {
  readonly #clock: Clock
  readonly #refusals: Refusals
  readonly #init: ConnectSessionInit
  readonly #reader: SlowReader
  readonly #down = new SendQueue()
  readonly #up = new ReceiveQueue()
  #carrier: Carrier | null = null
  #refused = false
  #heardAtMs: number
  #address: string
  /** Lets what waits go on: libp2p reads again, a newer request came, or the session is over. */
  #resumed: PromiseWithResolvers<undefined> | null = null
  /** Counts requests that bring frames: only the newest goes on. */
  #takes = 0
  #cancelLinger: (() => void) | null = null
  #over = false

  constructor(components: { clock: Clock; refusals: Refusals }, init: ConnectSessionInit) {
    super({
      direction: 'inbound',
      remoteAddr: init.remoteAddr,
      log: init.log,
      maxMessageSize: MAX_WRITE_BYTES,
      maxWriteBufferLength: MAX_WRITE_BUFFER_BYTES,
    })
    this.#clock = components.clock
    this.#refusals = components.refusals
    this.#init = init
    const { slowReaderTimeoutMs: timeoutMs } = init
    this.#reader = new SlowReader(components, {
      timeoutMs,
      onSlow: () => {
        this.#refused = true
        this.#refusals.count('slow-reader')
        this.abort(new SlowReaderError(`${this.#down.bytes} bytes for ${timeoutMs} ms`))
      },
    })
    this.#heardAtMs = this.#clock.now()
    this.#address = init.address
    this.addEventListener('close', ({ error }) => {
      this.#reader.stop()
      this.#go()
      if (error !== undefined || this.#up.ended) this.#end()
    })
  }

  /** Whether it was ended, and counted, because of what the peer did. */
  get refused(): boolean {
    return this.#refused
  }

  /** When a request of it last came. */
  get heardAtMs(): number {
    return this.#heardAtMs
  }

  /** The number of the first frame that the client has not acknowledged. */
  get acknowledged(): number {
    return this.#down.acknowledged
  }

  /** How many frames came up. */
  get received(): number {
    return this.#up.next
  }

  /** Where its last request came from: it outlives a change of networks. */
  get address(): string {
    return this.#address
  }

  /** A request that named its id came from this address. */
  heard(address: string): void {
    this.#heardAtMs = this.#clock.now()
    this.#address = address
  }

  /** Frames go down by this one from now on. */
  attach(carrier: Carrier): void {
    this.#carrier?.close()
    this.#carrier = carrier
    carrier.wake()
  }

  detach(carrier: Carrier): void {
    if (this.#carrier === carrier) this.#carrier = null
  }

  /** Frames to go down, from this number on. */
  from(number: number, maxBytes: number): Frame[] {
    return this.#down.from(number, maxBytes)
  }

  /** The client has all before this number. @throws InvalidDataError */
  acknowledge(number: number): void {
    this.#down.acknowledge(number)
    if (this.#cancelLinger !== null && this.#down.bytes === 0) this.#end()
    if (this.#reader.left(this.#down.bytes)) this.safeDispatchEvent('drain')
  }

  /**
   * Takes what came up; resolves with how many frames there are now, which is fewer than were given when libp2p does not
   * read or one is missing.
   * @throws InvalidDataError
   */
  async take(frames: readonly Frame[]): Promise<number> {
    this.#takes += 1
    const turn = this.#takes
    this.#go()
    for (const frame of frames) {
      if (frame.type === 'idle') continue
      if (frame.type === 'ack') {
        this.acknowledge(frame.number)
      } else if (frame.type === 'reset') {
        this.#reset()
      } else {
        if (frame.number > this.#up.next) break
        if (!(await this.#mayRead(turn))) break
        this.#read(frame)
      }
    }
    return this.#up.next
  }

  /** Counts the one end that libp2p decides: more waits to be written, or read, than may. */
  override abort(error: Error): void {
    if (this.status === 'open' && error.name === 'StreamBufferError') {
      this.#refusals.count('buffer-full')
    }
    super.abort(error)
    this.#end()
  }

  override sendData(data: Uint8ArrayList): SendResult {
    let sentBytes = 0
    let full = false
    for (const chunk of data) {
      const taken = this.#down.push(chunk)
      sentBytes += taken
      full = taken < chunk.byteLength
      if (full) break
    }
    if (full) this.#reader.full(this.#down.bytes)
    this.#carrier?.wake()
    return { sentBytes, canSendMore: !full }
  }

  override sendReset(): void {
    this.#end()
  }

  /** What was sent is there to be fetched for a while. */
  override sendClose(): Promise<void> {
    this.#down.end()
    this.#cancelLinger = this.#clock.after(CONNECT_LINGER_MS, () => {
      this.#end()
    })
    this.#carrier?.wake()
    return Promise.resolve()
  }

  override sendPause(): void {
    this.#resumed ??= Promise.withResolvers()
  }

  override sendResume(): void {
    this.#resumed?.resolve(undefined)
    this.#resumed = null
  }

  #read(frame: Frame): void {
    const data = this.#up.take(frame)
    if (data !== null) this.onData(data)
    if (this.#up.ended) this.onTransportClosed()
  }

  #reset(): void {
    if (this.status === 'open' || this.status === 'closing') this.onRemoteReset()
    this.#end()
  }

  /** Waits until libp2p reads; false when it does not for too long, or the request is no longer the newest. */
  async #mayRead(turn: number): Promise<boolean> {
    while (this.readStatus === 'paused' && this.#resumed !== null && turn === this.#takes) {
      const { promise: late, resolve } = Promise.withResolvers<undefined>()
      const cancel = this.#clock.after(CONNECT_HOLD_MS, () => {
        resolve(undefined)
      })
      const isLate = await Promise.race([
        late.then(() => true),
        this.#resumed.promise.then(() => false),
      ])
      cancel()
      if (isLate) return false
    }
    return turn === this.#takes
  }

  /** Wakes whoever waits for libp2p to read; who must wait on does so anew. */
  #go(): void {
    if (this.#resumed === null) return
    this.#resumed.resolve(undefined)
    this.#resumed = this.readStatus === 'paused' ? Promise.withResolvers() : null
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    this.#cancelLinger?.()
    this.#carrier?.end()
    this.#carrier = null
    this.#init.onOver()
  }
}
