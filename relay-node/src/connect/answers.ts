/** What a session's frames go down by over HTTP: an answer without an end, or one that is complete. */
import type { ServerResponse } from 'node:http'
import {
  type ConnectMode,
  IDLE_MS,
  MAX_QUEUE_BYTES,
  POLL_MS,
} from '#lib/protocol/connect/connect.ts'
import { encodeEvent } from '#lib/protocol/connect/events.ts'
import {
  encodeFrames,
  type Frame,
  IDLE,
  MAX_BATCH_BYTES,
  RESET,
} from '#lib/protocol/connect/frames.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import { SLOW_READER_TIMEOUT_MS } from '../limits.ts'
import type { Carrier, ConnectSession } from './session.ts'

export interface AnswerComponents {
  clock: Clock
  session: ConnectSession
  /** Its headers are written. */
  raw: ServerResponse
}

/** What bytes a mode makes of a frame. */
export const ENCODERS: Readonly<Record<ConnectMode, (frame: Frame) => Uint8Array | string>> = {
  binary: encodeFrame,
  sse: encodeEvent,
  longpoll: encodeFrame,
  ws: encodeFrame,
}

function encodeFrame(frame: Frame): Uint8Array {
  return encodeFrames([frame])
}

/** An answer that goes on: frames as they come while its socket has room, and an idle frame when there was none for long. */
export class StreamAnswer implements Carrier {
  readonly #components: AnswerComponents
  readonly #encode: (frame: Frame) => Uint8Array | string
  #next: number
  #full = false
  #cancelIdle: (() => void) | null = null

  /** @param next number of the first frame to send */
  constructor(components: AnswerComponents, mode: 'binary' | 'sse', next: number) {
    this.#components = components
    this.#encode = ENCODERS[mode]
    this.#next = next
    const { raw, session } = components
    raw.on('drain', () => {
      this.#full = false
      this.wake()
    })
    raw.once('close', () => {
      this.#cancelIdle?.()
      session.detach(this)
    })
    // The client sees at once that answers come as they are written.
    this.#write(IDLE)
  }

  wake(): void {
    const { raw, session } = this.#components
    while (!this.#full && !raw.writableEnded) {
      const frames = session.from(this.#next, MAX_BATCH_BYTES)
      if (frames.length === 0) return
      for (const frame of frames) {
        this.#write(frame)
        this.#next = frame.number + 1
        if (frame.type === 'end') raw.end()
      }
    }
  }

  close(): void {
    this.#finish()
  }

  end(): void {
    this.#finish(this.#encode(RESET))
  }

  /** Whoever does not read what is there would not read this either, and would keep its socket. */
  #finish(last: Uint8Array | string = ''): void {
    const { raw } = this.#components
    if (this.#full) raw.destroy()
    else if (!raw.writableEnded) raw.end(last)
  }

  #write(frame: Frame): void {
    const { raw, clock } = this.#components
    if (!raw.write(this.#encode(frame))) this.#full = true
    this.#cancelIdle?.()
    this.#cancelIdle = clock.after(IDLE_MS, () => {
      // A socket that is full needs no sign of life.
      if (!this.#full && !raw.writableEnded) this.#write(IDLE)
    })
  }
}

/** An answer with what there is, or with nothing after a while. */
export class PollAnswer implements Carrier {
  readonly #components: AnswerComponents
  readonly #next: number
  readonly #cancel: () => void
  #planned = false

  /** @param next number of the first frame to send */
  constructor(components: AnswerComponents, next: number) {
    this.#components = components
    this.#next = next
    this.#cancel = components.clock.after(POLL_MS, () => {
      this.close()
    })
    components.raw.once('close', () => {
      this.#cancel()
      components.session.detach(this)
    })
  }

  wake(): void {
    if (this.#planned || this.#frames().length === 0) return
    this.#planned = true
    // What libp2p writes in one go belongs together.
    setImmediate(() => {
      this.close()
    })
  }

  /** Answers; whoever asks again is told of what is left. */
  close(): void {
    this.#answer(this.#frames())
  }

  end(): void {
    this.#answer([...this.#frames(), RESET])
  }

  #answer(frames: readonly Frame[]): void {
    const { raw, session, clock } = this.#components
    if (raw.writableEnded) return
    session.detach(this)
    raw.once(
      'close',
      clock.after(SLOW_READER_TIMEOUT_MS, () => {
        raw.destroy()
      }),
    )
    raw.end(encodeFrames(frames))
  }

  #frames(): Frame[] {
    return this.#components.session.from(this.#next, MAX_QUEUE_BYTES)
  }
}
