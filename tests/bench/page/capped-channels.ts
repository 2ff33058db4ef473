import type { Channel, ChannelInit, Channels } from '../../../src/lib/p2p/api.ts'

/** What may leave at once after a pause. */
const BURST_MS = 50

/** Channels over which a source sends no faster than it is told to: its line's upload. */
export class CappedChannels implements Channels {
  readonly #channels: Channels
  #bytesPerMs = Infinity
  /** When what was let go has left at this rate. */
  #freeAtMs = 0

  constructor(channels: Channels) {
    this.#channels = channels
  }

  cap(bytesPerSecond: number): void {
    this.#bytesPerMs = bytesPerSecond / 1000
  }

  handle(init: ChannelInit): Promise<() => Promise<void>> {
    const onChannel = (channel: Channel): void => {
      init.onChannel({
        peer: channel.peer,
        path: channel.path,
        get connections() {
          return channel.connections
        },
        closed: channel.closed,
        frames: () => channel.frames(),
        close: (reason) => {
          channel.close(reason)
        },
        send: async (frame) => {
          await this.#turn(frame.byteLength)
          await channel.send(frame)
        },
        spread: async (frame) => {
          await this.#turn(frame.byteLength)
          await channel.spread(frame)
        },
        widen: () => {
          channel.widen()
        },
      })
    }
    return this.#channels.handle({ ...init, onChannel })
  }

  offer(...args: Parameters<Channels['offer']>): void {
    this.#channels.offer(...args)
  }

  async #turn(bytes: number): Promise<void> {
    if (this.#bytesPerMs === Infinity) return
    const nowMs = performance.now()
    const atMs = Math.max(this.#freeAtMs, nowMs - BURST_MS)
    this.#freeAtMs = atMs + bytes / this.#bytesPerMs
    if (atMs <= nowMs) return
    await new Promise((resolve) => setTimeout(resolve, atMs - nowMs))
  }
}
