import type { PeerIdString } from '../../protocol/ids.ts'
import type { Clock } from '../../protocol/seams.ts'
import type { Channel } from '../api.ts'
import { ChannelClosedError } from '../errors.ts'
import type { StreamChannel } from './stream-channel.ts'

/** Connections of a channel beside its own, at most. */
export const MAX_LANES = 3

/** Lanes that carried nothing for so long are closed, ms. */
export const LANE_IDLE_MS = 20_000

/** The least time between two attempts to have lanes, ms. */
const WIDEN_PACE_MS = 30_000

export interface WideChannelInit {
  clock: Clock
  /** Lanes are wanted: `add` is to be called with each. */
  onWiden: () => void
}

/**
 * A channel whose frames may be spread over lanes: streams of further connections with the same peer.
 *
 * A data channel's congestion window belongs to its connection (RFC 8831, 6.1), grows by the round trip and halves when
 * something is lost; on a long path several connections carry more than one, as browsers' six for a host did (RFC 9112,
 * 9.4). Each lane has credits of its own. With a lane that breaks the channel ends, because what it carried is lost.
 */
export class WideChannel implements Channel {
  readonly #main: StreamChannel
  readonly #init: WideChannelInit
  readonly #lanes = new Set<StreamChannel>()
  /** Those that have no room. */
  readonly #busy = new Set<StreamChannel>()
  /** One frame of each stream at most: what is not taken waits at the sender. */
  readonly #inbox: { frame: Uint8Array; taken: () => void }[] = []
  #mainEnded = false
  #wakeReader: (() => void) | null = null
  #freed = Promise.withResolvers<undefined>()
  #widenedAtMs: number | null = null
  /** Frames that went over lanes, both ways. */
  #carried = 0
  #cancelLook: (() => void) | null = null

  constructor(main: StreamChannel, init: WideChannelInit) {
    this.#main = main
    this.#init = init
    void this.#read(main).then(() => {
      this.#mainEnded = true
      this.#wakeReader?.()
    })
    main.closed.addEventListener('abort', () => {
      this.#cancelLook?.()
      this.#closeLanes()
      this.#free()
    })
  }

  get peer(): PeerIdString {
    return this.#main.peer
  }

  get path(): 'direct' | 'relayed' {
    return this.#main.path
  }

  get closed(): AbortSignal {
    return this.#main.closed
  }

  get connections(): number {
    return 1 + this.#lanes.size
  }

  /** How many more lanes it takes. */
  get vacant(): number {
    return this.closed.aborted ? 0 : MAX_LANES - this.#lanes.size
  }

  /** Takes a lane; one too many is closed. */
  add(lane: StreamChannel): void {
    if (this.vacant === 0) {
      lane.close()
      return
    }
    this.#lanes.add(lane)
    lane.closed.addEventListener('abort', () => {
      this.#lanes.delete(lane)
      this.#busy.delete(lane)
      if (lane.failure === null) this.#free()
      else this.close(new ChannelClosedError('a lane of it broke', { cause: lane.failure }))
    })
    void this.#read(lane)
    this.#look()
    this.#free()
  }

  send(frame: Uint8Array): Promise<void> {
    return this.#main.send(frame)
  }

  async spread(frame: Uint8Array): Promise<void> {
    if (this.#lanes.size === 0) return this.#main.send(frame)
    const stream = await this.#freeOne()
    this.#busy.add(stream)
    this.#carried += Number(stream !== this.#main)
    stream
      .send(frame)
      .catch((error: unknown) => {
        this.close(error as Error)
      })
      .finally(() => {
        this.#busy.delete(stream)
        this.#free()
      })
    await this.#freeOne()
  }

  widen(): void {
    const nowMs = this.#init.clock.now()
    if (this.vacant < MAX_LANES) return
    if (this.#widenedAtMs !== null && nowMs - this.#widenedAtMs < WIDEN_PACE_MS) return
    this.#widenedAtMs = nowMs
    this.#init.onWiden()
  }

  async *frames(): AsyncIterable<Uint8Array> {
    for (;;) {
      const next = this.#inbox.shift()
      if (next !== undefined) {
        yield next.frame
        next.taken()
      } else if (this.#mainEnded) return
      else {
        await new Promise<void>((resolve) => {
          this.#wakeReader = resolve
        })
      }
    }
  }

  close(reason?: Error): void {
    this.#main.close(reason)
  }

  async #read(stream: StreamChannel): Promise<void> {
    for await (const frame of stream.frames()) {
      this.#carried += Number(stream !== this.#main)
      await new Promise<void>((taken) => {
        this.#inbox.push({ frame, taken })
        this.#wakeReader?.()
      })
    }
  }

  /** Of those that wait for nothing the one with the least under way. @throws ChannelClosedError */
  async #freeOne(): Promise<StreamChannel> {
    while (!this.closed.aborted) {
      const free = [this.#main, ...this.#lanes].filter((stream) => !this.#busy.has(stream))
      if (free.length > 0) return free.reduce((most, each) => (each.room > most.room ? each : most))
      await this.#freed.promise
    }
    throw new ChannelClosedError('closed before all was sent')
  }

  #free(): void {
    this.#freed.resolve(undefined)
    this.#freed = Promise.withResolvers()
  }

  /** Closes lanes once they carry nothing. */
  #look(): void {
    const before = this.#carried
    this.#cancelLook?.()
    this.#cancelLook = this.#init.clock.after(LANE_IDLE_MS, () => {
      this.#cancelLook = null
      if (this.#carried === before) this.#closeLanes()
      else if (this.#lanes.size > 0) this.#look()
    })
  }

  #closeLanes(): void {
    for (const lane of [...this.#lanes]) lane.close()
  }
}
