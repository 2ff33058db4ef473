import { EventEmitter } from 'node:events'
import type { WebSocket } from 'ws'

/** A WebSocket whose network takes only what a test lets it take. */
export class FakeSocket extends EventEmitter {
  readonly sent: Buffer[] = []
  readonly #untaken: { bytes: number; taken: (() => void) | undefined }[] = []
  readonly OPEN = 1
  paused = false
  /** Close code, or 1006 when it was cut; null while it is open. */
  ended: number | null = null

  get socket(): WebSocket {
    return this as unknown as WebSocket
  }

  get readyState(): number {
    return this.ended === null ? this.OPEN : 3
  }

  /** Bytes the network has not taken. */
  get bufferedAmount(): number {
    return this.#untaken.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  send(data: Uint8Array, taken?: () => void): void {
    this.sent.push(Buffer.from(data))
    this.#untaken.push({ bytes: data.byteLength, taken })
  }

  /** The network takes so many messages; everything by default. */
  take(messages = Infinity): void {
    for (let left = messages; left > 0 && this.#untaken.length > 0; left -= 1) {
      this.#untaken.shift()!.taken?.()
    }
  }

  /** The peer says this. */
  say(data: Uint8Array, isBinary = true): void {
    this.emit('message', Buffer.from(data), isBinary)
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  close(code = 1_005): void {
    this.#end(code)
  }

  terminate(): void {
    this.#end(1_006)
  }

  #end(code: number): void {
    if (this.ended !== null) return
    this.ended = code
    this.emit('close', code)
  }
}
