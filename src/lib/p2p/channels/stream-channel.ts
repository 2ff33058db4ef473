import type { Stream } from '@libp2p/interface'
import { LimitExceededError } from '../../protocol/errors.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Channel } from '../api.ts'
import { endStream } from '../end-stream.ts'
import { ChannelClosedError, ChannelProtocolError } from '../errors.ts'
import {
  encodeCredit,
  encodeFrame,
  frameCost,
  MAX_CREDIT_BYTES,
  type Unit,
  UnitDecoder,
} from './frames.ts'

/** What a peer may send ahead of our reading. Far below the 4 MiB at which libp2p resets a stream. */
export const WINDOW_BYTES = 1024 * 1024

export interface StreamChannelInit {
  peer: PeerIdString
  path: 'direct' | 'relayed'
  maxFrameBytes: number
  /** Told before something is sent. */
  onSend?: () => void
}

/**
 * Frames on one libp2p stream, with credits in both directions.
 *
 * It reads the stream all the time, so libp2p never buffers; what the reader has not taken waits here, and cannot
 * exceed the window, because the peer gets new credit only for what was taken.
 */
export class StreamChannel implements Channel {
  readonly peer: PeerIdString
  readonly path: 'direct' | 'relayed'
  /** Resolves when the peer's first credit is there; rejects when the channel ends before. */
  readonly ready: Promise<void>
  readonly connections = 1
  /** The error it ended with, when something was wrong. */
  failure: Error | null = null

  readonly #stream: Stream
  readonly #init: StreamChannelInit
  readonly #decoder: UnitDecoder
  readonly #window: number
  readonly #closed = new AbortController()
  readonly #inbox: Uint8Array[] = []
  /** Wakes the reader of `frames`. */
  #arrived: (() => void) | null = null
  /** What the peer may still send. */
  #granted = 0
  /** Taken by the reader since the last credit was sent. */
  #taken = 0
  /** What we may still send. */
  #credit = 0
  /** Wakes the sender that waits for credit or room. */
  #wake = Promise.withResolvers<undefined>()
  #needsDrain = false
  #lastSend: Promise<void> = Promise.resolve()
  readonly #ready = Promise.withResolvers<undefined>()

  constructor(stream: Stream, init: StreamChannelInit) {
    this.#stream = stream
    this.#init = init
    this.peer = init.peer
    this.path = init.path
    this.#decoder = new UnitDecoder(init.maxFrameBytes)
    // A frame of full length must fit, or it could never be sent.
    this.#window = Math.max(WINDOW_BYTES, 2 * frameCost(init.maxFrameBytes))
    this.ready = this.#ready.promise
    // Whoever needs it awaits it; a channel that ends unready is not an unhandled error.
    this.ready.catch(() => undefined)
    stream.addEventListener('message', (event) => {
      this.#receive(event.data.subarray())
    })
    stream.addEventListener('remoteCloseWrite', () => {
      this.close()
    })
    stream.addEventListener('close', (event) => {
      this.#end(event.error ?? null)
    })
    stream.addEventListener('drain', () => {
      this.#needsDrain = false
      this.#wakeSender()
    })
  }

  get closed(): AbortSignal {
    return this.#closed.signal
  }

  /** Bytes the peer lets us send now: the fewer, the more of what was sent is under way. */
  get room(): number {
    return this.#credit
  }

  /** Gives the peer its first credit: this side accepts. */
  open(): void {
    this.#grant(this.#window)
  }

  send(frame: Uint8Array): Promise<void> {
    if (frame.byteLength > this.#init.maxFrameBytes) {
      const limit = this.#init.maxFrameBytes
      return Promise.reject(
        new LimitExceededError(`a frame of ${frame.byteLength} bytes, ${limit} are allowed`),
      )
    }
    const sent = this.#lastSend.then(() => this.#sendNext(frame))
    // Each waits for the one before it; how that one ended is told to its own caller.
    this.#lastSend = sent.catch(() => undefined)
    return sent
  }

  /** It is one stream: nothing overtakes. */
  spread(frame: Uint8Array): Promise<void> {
    return this.send(frame)
  }

  widen(): void {
    // One stream stays one.
  }

  async *frames(): AsyncIterable<Uint8Array> {
    for (;;) {
      const frame = this.#inbox.shift()
      if (frame !== undefined) {
        this.#take(frameCost(frame.byteLength))
        yield frame
      } else if (this.closed.aborted) return
      else {
        await new Promise<void>((resolve) => {
          this.#arrived = resolve
        })
      }
    }
  }

  close(reason?: Error): void {
    if (this.closed.aborted) return
    if (reason === undefined) {
      endStream(this.#stream)
      this.#end(null)
    } else {
      this.#end(reason)
      this.#stream.abort(reason)
    }
  }

  async #sendNext(frame: Uint8Array): Promise<void> {
    const cost = frameCost(frame.byteLength)
    await this.#until(() => !this.#needsDrain && this.#credit >= cost)
    this.#credit -= cost
    this.#write(encodeFrame(frame))
    await this.#until(() => !this.#needsDrain)
  }

  /** Resolves once it may go on sending. @throws ChannelClosedError */
  async #until(ready: () => boolean): Promise<void> {
    while (!this.closed.aborted) {
      if (ready()) return
      await this.#wake.promise
    }
    throw new ChannelClosedError('closed before all was sent')
  }

  #write(bytes: Uint8Array): void {
    try {
      this.#init.onSend?.()
      this.#needsDrain = !this.#stream.send(bytes)
    } catch (cause) {
      this.close(new ChannelClosedError('the stream takes no more', { cause }))
    }
  }

  #receive(chunk: Uint8Array): void {
    if (this.closed.aborted) return
    try {
      for (const unit of this.#decoder.push(chunk)) this.#apply(unit)
    } catch (error) {
      this.close(error instanceof Error ? error : new ChannelProtocolError('not a unit'))
    }
  }

  #apply(unit: Unit): void {
    if (unit.type === 'credit') {
      this.#credit += unit.bytes
      if (this.#credit > MAX_CREDIT_BYTES) throw new ChannelProtocolError('too much credit')
      this.#ready.resolve(undefined)
      this.#wakeSender()
      return
    }
    this.#granted -= frameCost(unit.bytes.byteLength)
    if (this.#granted < 0) throw new ChannelProtocolError('sent beyond its credit')
    this.#inbox.push(unit.bytes)
    this.#wakeReader()
  }

  #take(cost: number): void {
    this.#taken += cost
    // Half a window at a time: credits are then a small part of the traffic, and the peer need not stop.
    if (this.#taken * 2 < this.#window || this.closed.aborted) return
    this.#grant(this.#taken)
    this.#taken = 0
  }

  #grant(bytes: number): void {
    this.#granted += bytes
    this.#write(encodeCredit(bytes))
  }

  #end(failure: Error | null): void {
    if (this.closed.aborted) return
    this.failure = failure
    this.#closed.abort(failure ?? new ChannelClosedError('closed'))
    this.#ready.reject(failure ?? new ChannelClosedError('closed before it was ready'))
    this.#wakeSender()
    this.#wakeReader()
  }

  #wakeSender(): void {
    this.#wake.resolve(undefined)
    this.#wake = Promise.withResolvers()
  }

  #wakeReader(): void {
    this.#arrived?.()
    this.#arrived = null
  }
}
