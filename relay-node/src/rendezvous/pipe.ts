import type { WebSocket } from 'ws'
import type { Clock } from '#lib/protocol/seams.ts'
import {
  MAX_RENDEZVOUS_QUEUE_BYTES,
  MAX_RENDEZVOUS_QUEUE_MESSAGES,
  MAX_SOCKET_QUEUE_BYTES,
} from '../limits.ts'
import { SlowReader } from '../slow-reader.ts'

/** From half of a full queue on the sender is held back: what was read with its last message still comes. */
const PAUSE_BYTES = MAX_RENDEZVOUS_QUEUE_BYTES / 2

export interface PipeInit {
  from: WebSocket
  to: WebSocket
  /** How long `to` may take for half of what it is held back for, ms. */
  slowReaderTimeoutMs: number
  /** Nothing more is taken: there is no room, or the reader is too slow. */
  onFull: (reason: 'buffer-full' | 'slow-reader') => void
}

/**
 * One direction between two that are joined: at most `MAX_RENDEZVOUS_QUEUE_MESSAGES` messages and `MAX_RENDEZVOUS_QUEUE_BYTES` that the
 * reader's network has not taken. The sender is not read from once the queue is half full, until half of that is taken. What it had sent by then waits, and small
 * messages that wait are joined, as they are parts of one stream of bytes.
 */
export class Pipe {
  readonly #reader: SlowReader
  readonly #init: PipeInit
  /** Not handed to the socket yet. */
  #waiting: Buffer[] = []
  #waitingBytes = 0
  /** Handed to it, and not taken by the network. */
  #messages = 0
  #bytes = 0
  #ended = false

  constructor(components: { clock: Clock }, init: PipeInit) {
    this.#init = init
    this.#reader = new SlowReader(components, {
      timeoutMs: init.slowReaderTimeoutMs,
      onSlow: () => {
        init.onFull('slow-reader')
      },
    })
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
    if (this.#waiting.length === 0 && this.bytes < PAUSE_BYTES) return
    this.#init.from.pause()
    this.#reader.full(this.bytes)
  }

  /** The sender is gone: what came before still goes to the reader. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#reader.stop()
    if (this.#waiting.length > 0) this.#init.to.send(Buffer.concat(this.#waiting))
    this.#waiting = []
    this.#waitingBytes = 0
  }

  #flush(): void {
    for (let data = this.#next(); data !== null; data = this.#next()) {
      const { byteLength } = data
      this.#waitingBytes -= byteLength
      this.#messages += 1
      this.#bytes += byteLength
      this.#init.to.send(data, () => {
        this.#messages -= 1
        this.#bytes -= byteLength
        this.#onTaken()
      })
    }
  }

  /** Takes out what the socket has room for; null: nothing. One alone may be longer, where small ones were joined. */
  #next(): Buffer | null {
    const [first] = this.#waiting
    if (first === undefined || this.#messages >= MAX_RENDEZVOUS_QUEUE_MESSAGES) return null
    const isTooMuch = this.#bytes + first.byteLength > MAX_SOCKET_QUEUE_BYTES
    if (isTooMuch && this.#messages > 0) return null
    this.#waiting.shift()
    return first
  }

  #onTaken(): void {
    if (this.#ended) return
    this.#flush()
    if (this.#reader.left(this.bytes)) this.#init.from.resume()
  }
}
