/** Both ends of a pipe whose carrier breaks: what is sent is kept until it came, and comes once and in order. */
import { InvalidDataError } from '../errors.ts'
import { MAX_QUEUE_BYTES, MAX_SEQUENCE } from './connect.ts'
import { encodedBytes, endOf, type Frame, MAX_FRAME_BYTES } from './frames.ts'

/** Frames sent and not acknowledged, at most `MAX_QUEUE_BYTES` of them with their headers. */
export class SendQueue {
  readonly #frames: Frame[] = []
  #bytes = 0
  /** The number of the first frame that is here, or of the next. */
  #first = 0

  /** The number of the next frame. */
  get next(): number {
    return this.#first + this.#frames.length
  }

  /** The number up to which all is acknowledged. */
  get acknowledged(): number {
    return this.#first
  }

  /** Bytes it holds. */
  get bytes(): number {
    return this.#bytes
  }

  /** Takes as much of the data as there is room for; gives how much that was. */
  push(data: Uint8Array): number {
    let taken = 0
    while (taken < data.byteLength) {
      const part = data.slice(taken, taken + MAX_FRAME_BYTES)
      const frame: Frame = { type: 'data', number: this.next, data: part }
      if (this.#bytes + encodedBytes(frame) > MAX_QUEUE_BYTES) break
      this.#add(frame)
      taken += part.byteLength
    }
    return taken
  }

  /** Nothing comes after this, which has room always. */
  end(): void {
    this.#add(endOf(this.next))
  }

  /** The other side has all before this number. @throws InvalidDataError when that is more than was sent */
  acknowledge(number: number): void {
    if (number > this.next) throw new InvalidDataError('frames acknowledged that were never sent')
    while (this.#first < number) {
      this.#bytes -= encodedBytes(this.#frames.shift()!)
      this.#first += 1
    }
  }

  /** Frames from this number on, as many as fit into so many bytes, but one at least. */
  from(number: number, maxBytes: number): Frame[] {
    const frames: Frame[] = []
    let bytes = 0
    for (const frame of this.#frames.slice(Math.max(0, number - this.#first))) {
      bytes += encodedBytes(frame)
      if (frames.length > 0 && bytes > maxBytes) break
      frames.push(frame)
    }
    return frames
  }

  #add(frame: Frame): void {
    if (frame.number > MAX_SEQUENCE) throw new InvalidDataError('no numbers left')
    this.#frames.push(frame)
    this.#bytes += encodedBytes(frame)
  }
}

/** Lets each numbered frame through once, in order. */
export class ReceiveQueue {
  #next = 0
  #ended = false

  /** How many came: the number of the next. */
  get next(): number {
    return this.#next
  }

  /** Whether the other side has said that nothing more comes. */
  get ended(): boolean {
    return this.#ended
  }

  /**
   * The frame's data; null when it came before or there is none.
   * @throws InvalidDataError when others are missing before it, or it comes after the end
   */
  take({ type, number, data }: Frame): Uint8Array | null {
    if (number < this.#next) return null
    if (number > this.#next) throw new InvalidDataError('a gap in what comes')
    if (this.#ended) throw new InvalidDataError('something after the end')
    this.#next += 1
    this.#ended = type === 'end'
    return type === 'data' ? data : null
  }
}
