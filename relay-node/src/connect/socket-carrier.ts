import type { WebSocket } from 'ws'
import { IDLE_MS } from '#lib/protocol/connect/connect.ts'
import {
  ackOf,
  encodeFrames,
  type Frame,
  IDLE,
  MAX_BATCH_BYTES,
  RESET,
} from '#lib/protocol/connect/frames.ts'
import type { Clock } from '#lib/protocol/seams.ts'
import type { Carrier, ConnectSession } from './session.ts'

export interface SocketCarrierComponents {
  clock: Clock
  session: ConnectSession
  socket: WebSocket
}

/**
 * Frames as messages, as they come, while the socket takes them; an idle one when there was none for long. However much comes up, one
 * acknowledgement at most waits for a reader.
 */
export class SocketCarrier implements Carrier {
  readonly #components: SocketCarrierComponents
  #next: number
  #cancelIdle: (() => void) | null = null
  #acknowledging = false
  /** To be acknowledged once the acknowledgement before it has gone out; null: nothing is. */
  #unacknowledged: number | null = null

  /** @param next number of the first frame to send */
  constructor(components: SocketCarrierComponents, next: number) {
    this.#components = components
    this.#next = next
    const { socket, session } = components
    socket.once('close', () => {
      this.#cancelIdle?.()
      session.detach(this)
    })
    this.#send([IDLE])
  }

  wake(): void {
    const { session, socket } = this.#components
    // What is acknowledged was taken: the queue bounds what waits here.
    while (socket.readyState === socket.OPEN) {
      const frames = session.from(this.#next, MAX_BATCH_BYTES)
      if (frames.length === 0) return
      this.#send(frames)
      this.#next = frames.at(-1)!.number + 1
    }
  }

  /** Says how many frames came up. */
  received(count: number): void {
    if (this.#acknowledging) {
      this.#unacknowledged = count
      return
    }
    this.#acknowledging = true
    this.#components.socket.send(encodeFrames([ackOf(count)]), () => {
      this.#acknowledging = false
      const newest = this.#unacknowledged
      this.#unacknowledged = null
      if (newest !== null) this.received(newest)
    })
  }

  close(): void {
    this.#finish()
  }

  end(): void {
    this.#finish(RESET)
  }

  /** Whoever does not read what is there would not read this either, and would keep its socket. */
  #finish(last: Frame | null = null): void {
    const { socket } = this.#components
    if (socket.bufferedAmount > MAX_BATCH_BYTES) {
      socket.terminate()
      return
    }
    if (last !== null && socket.readyState === socket.OPEN) socket.send(encodeFrames([last]))
    socket.close()
  }

  #send(frames: readonly Frame[]): void {
    const { clock, socket } = this.#components
    socket.send(encodeFrames(frames))
    this.#cancelIdle?.()
    this.#cancelIdle = clock.after(IDLE_MS, () => {
      this.#send([IDLE])
    })
  }
}
