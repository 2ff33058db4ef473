/** Frames over a WebSocket, both ways; when it breaks, over the next. */
import { MAX_QUEUE_BYTES, SESSION_UNKNOWN_CODE } from '../../protocol/connect/connect.ts'
import { decodeFrames, encodeFrames, type Frame } from '../../protocol/connect/frames.ts'
import { InvalidDataError, LimitExceededError } from '../../protocol/errors.ts'
import type { Clock } from '../../protocol/seams.ts'
import { NoAnswerError, SessionOverError, UnreachableError } from '../errors.ts'
import { type Carrier, POST_TIMEOUT_MS, STALL_MS } from './http-carrier.ts'

export interface SocketCarrierInit {
  /** Of the relay's /connect, with http(s). */
  url: string
  session: string
}

export class SocketCarrier implements Carrier {
  readonly streams = true
  readonly #clock: Clock
  readonly #init: SocketCarrierInit
  #socket: WebSocket | null = null
  #acknowledged: PromiseWithResolvers<number> | null = null

  constructor(components: { clock: Clock }, init: SocketCarrierInit) {
    this.#clock = components.clock
    this.#init = init
  }

  async *down(next: number, signal: AbortSignal, firstMs: number): AsyncGenerator<Frame, void> {
    signal.throwIfAborted()
    const { url, session } = this.#init
    const socket = new WebSocket(`${url.replace(/^http/, 'ws')}?mode=ws`)
    socket.binaryType = 'arraybuffer'
    const inbox = new Inbox()
    const stop = (): void => {
      inbox.fail(new UnreachableError('the WebSocket was given up'))
    }
    signal.addEventListener('abort', stop)
    socket.onopen = () => {
      socket.send(`${session} ${next}`)
      this.#socket = socket
    }
    socket.onmessage = ({ data }) => {
      try {
        for (const frame of framesOf(data)) {
          if (frame.type === 'ack') this.#acknowledged?.resolve(frame.number)
          else inbox.add(frame)
        }
      } catch (error) {
        inbox.fail(error as Error)
      }
    }
    socket.onclose = ({ code }) => {
      inbox.fail(
        code === SESSION_UNKNOWN_CODE
          ? new SessionOverError('the relay does not know the session')
          : new UnreachableError(`the WebSocket closed with ${code}`),
      )
    }
    const late = (): void => {
      inbox.fail(new NoAnswerError('nothing comes down'))
    }
    let cancel = this.#clock.after(firstMs, late)
    try {
      for (;;) {
        await inbox.filled()
        cancel()
        yield* inbox.take()
        cancel = this.#clock.after(STALL_MS, late)
      }
    } finally {
      cancel()
      signal.removeEventListener('abort', stop)
      if (this.#socket === socket) this.#socket = null
      socket.close()
      this.#acknowledged?.reject(new UnreachableError('the WebSocket ended'))
      this.#acknowledged = null
    }
  }

  async up(frames: readonly Frame[], signal: AbortSignal): Promise<number> {
    signal.throwIfAborted()
    if (this.#socket === null) throw new UnreachableError('no WebSocket')
    const acknowledged = Promise.withResolvers<number>()
    this.#acknowledged = acknowledged
    const give = (): void => {
      acknowledged.reject(new UnreachableError('no acknowledgement'))
    }
    const cancel = this.#clock.after(POST_TIMEOUT_MS, give)
    signal.addEventListener('abort', give)
    try {
      this.#socket.send(encodeFrames(frames))
      return await acknowledged.promise
    } finally {
      cancel()
      signal.removeEventListener('abort', give)
    }
  }
}

/** Frames that came and were not read. The relay sends no more than a queue before they are acknowledged. */
class Inbox {
  #frames: Frame[] = []
  #bytes = 0
  #error: Error | null = null
  #filled = Promise.withResolvers<undefined>()

  add(frame: Frame): void {
    this.#bytes += frame.data.byteLength
    if (this.#bytes > MAX_QUEUE_BYTES) this.fail(new LimitExceededError('more than a queue'))
    else this.#frames.push(frame)
    this.#filled.resolve(undefined)
  }

  /** Nothing comes any more; what came is read before. */
  fail(error: Error): void {
    this.#error ??= error
    this.#filled.resolve(undefined)
  }

  /** @throws what it failed with, once all is read */
  async filled(): Promise<void> {
    await this.#filled.promise
    if (this.#frames.length === 0 && this.#error !== null) throw this.#error
  }

  take(): Frame[] {
    const frames = this.#frames
    this.#frames = []
    this.#bytes = 0
    if (this.#error === null) this.#filled = Promise.withResolvers()
    return frames
  }
}

function framesOf(data: unknown): Frame[] {
  if (data instanceof ArrayBuffer) return decodeFrames(new Uint8Array(data))
  throw new InvalidDataError('a message of text')
}
