import type { WebSocket } from 'ws'
import type { Clock } from '#lib/protocol/seams.ts'
import { MAX_RENDEZVOUS_QUEUE_BYTES, MAX_RENDEZVOUS_QUEUE_MESSAGES } from '../limits.ts'

/** From half of a full queue on the sender is held back: what was read with its last message still comes. */
const PAUSE_BYTES = MAX_RENDEZVOUS_QUEUE_BYTES / 2

export interface PipeInit {
  from: WebSocket
  to: WebSocket
  /** How long `to` may leave the queue full, ms. */
  slowReaderTimeoutMs: number
  /** Nothing more is taken: there is no room, or the reader took nothing for too long. */
  onFull: (reason: 'buffer-full' | 'slow-reader') => void
}

/**
 * One direction between two that are joined: at most `MAX_RENDEZVOUS_QUEUE_MESSAGES` messages and `MAX_RENDEZVOUS_QUEUE_BYTES` that the
 * reader's network has not taken. The sender is not read from while the queue is half full. What it had sent by then waits, and small
 * messages that wait are joined, as they are parts of one stream of bytes.
 */
export class Pipe {
  readonly #clock: Clock
  readonly #init: PipeInit
  /** Not handed to the socket yet. */
  #waiting: Buffer[] = []
  #waitingBytes = 0
  /** Handed to it, and not taken by the network. */
  #messages = 0
  #bytes = 0
  /** Takes back the cut of a slow reader; null while the sender is read from. */
  #forgive: (() => void) | null = null
  #ended = false

  constructor({ clock }: { clock: Clock }, init: PipeInit) {
    this.#clock = clock
    this.#init = init
  }

  /** Bytes that wait or are on their way. */
  get bytes(): number {
    return this.#bytes + this.#waitingBytes
  }

  push(data: Buffer): void {
    if (this.#ended) return
    if (this.bytes + data.byteLength > MAX_RENDEZVOUS_QUEUE_BYTES) {
      this.#init.onFull('buffer-full')
      return
    }
    if (this.#waiting.length >= MAX_RENDEZVOUS_QUEUE_MESSAGES) {
      this.#waiting = [Buffer.concat(this.#waiting)]
    }
    this.#waiting.push(data)
    this.#waitingBytes += data.byteLength
    this.#flush()
    if (this.#waiting.length > 0 || this.bytes >= PAUSE_BYTES) this.#pause()
  }

  /** The sender is gone: what came before still goes to the reader. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#forgive?.()
    if (this.#waiting.length > 0) this.#init.to.send(Buffer.concat(this.#waiting))
    this.#waiting = []
    this.#waitingBytes = 0
  }

  #flush(): void {
    while (this.#waiting.length > 0 && this.#messages < MAX_RENDEZVOUS_QUEUE_MESSAGES) {
      const data = this.#waiting.shift()!
      this.#waitingBytes -= data.byteLength
      this.#messages += 1
      this.#bytes += data.byteLength
      this.#init.to.send(data, () => {
        this.#messages -= 1
        this.#bytes -= data.byteLength
        this.#onTaken()
      })
    }
  }

  #onTaken(): void {
    if (this.#ended) return
    this.#flush()
    if (this.#forgive === null || this.bytes > 0) return
    this.#forgive()
    this.#forgive = null
    this.#init.from.resume()
  }

  #pause(): void {
    if (this.#forgive !== null) return
    this.#init.from.pause()
    this.#forgive = this.#clock.after(this.#init.slowReaderTimeoutMs, () => {
      this.#init.onFull('slow-reader')
    })
  }
}
