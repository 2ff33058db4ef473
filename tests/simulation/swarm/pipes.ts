import { decodeFrame } from '#lib/content/exchange/protocol.ts'
import { CHUNK_BYTES } from '#lib/content/manifest.ts'
import type { Channel, ChannelInit, Channels } from '#lib/p2p/api.ts'
import { ChannelClosedError } from '#lib/p2p/errors.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import type { Random } from '#lib/protocol/seams.ts'
import type { VirtualTime } from '../virtual-time.ts'

/** What a frame costs on the wire besides its bytes. */
const FRAME_BYTES = 40

/** Frames a sender may have on its way out on one channel: as if the stream had so much room. */
const ROOM_FRAMES = 2

/** What is lost is sent again after this, ms: all behind it waits. */
const AGAIN_MS = 200

const PART = 1

/** Its place and its swarm. */
const LEAF_HEAD_BYTES = 8

/** How fast somebody is. */
export interface Access {
  /** Bytes a second. */
  up: number
  down: number
  /** To the middle of the network, ms. */
  latencyMs: number
}

interface Host {
  access: Access
  init: ChannelInit | null
  channels: Map<PeerIdString, Pipe>
  upFreeMs: number
  downFreeMs: number
}

export interface PipesInit {
  /** Share of frames that are lost at first. */
  loss: number
  /** Whether what this one gives counts as come: of a liar all that is still under way is thrown away. */
  counts: (giver: PeerIdString) => boolean
}

/**
 * Connects devices by links that have a width: what one sends leaves one frame after the other, and what one receives
 * arrives so. Nothing is lost for good, for a channel delivers in order; a lost frame holds up what is behind it.
 * Contents are small here: a part costs as much as a whole chunk does.
 */
export class Pipes {
  readonly #time: VirtualTime
  readonly #random: Random
  readonly #init: PipesInit
  readonly #hosts = new Map<PeerIdString, Host>()
  /** That arrived, as often as they did. */
  leaves = 0
  /** Of these, such as had come to the same device before. */
  twice = 0
  /** By device, how each leaf begins that came. */
  readonly #came = new Map<PeerIdString, Set<string>>()

  constructor(time: VirtualTime, random: Random, init: PipesInit) {
    this.#time = time
    this.#random = random
    this.#init = init
  }

  /** Somebody is there. */
  join(peer: PeerIdString, access: Access): Channels {
    const host: Host = { access, init: null, channels: new Map(), upFreeMs: 0, downFreeMs: 0 }
    this.#hosts.set(peer, host)
    return {
      handle: (init) => {
        host.init = init
        return Promise.resolve(() => {
          host.init = null
          for (const channel of [...host.channels.values()]) channel.close()
          return Promise.resolve()
        })
      },
      offer: (_protocol, other) => {
        this.#time.after(2 * this.#latency(peer, other), () => {
          void this.#open(peer, other)
        })
      },
    }
  }

  /** They are gone without a word; the others notice. */
  leave(peer: PeerIdString): void {
    const host = this.#hosts.get(peer)
    this.#hosts.delete(peer)
    if (host === undefined) return
    for (const channel of [...host.channels.values()]) channel.close()
  }

  /** When a frame that leaves now has all arrived; null when one of them is gone. */
  carry(
    from: PeerIdString,
    to: PeerIdString,
    frame: Uint8Array,
  ): { sentMs: number; arrivedMs: number } {
    const [out, into] = [this.#hosts.get(from), this.#hosts.get(to)]
    if (out === undefined || into === undefined) throw new ChannelClosedError('gone')
    const bytes = wireBytes(frame)
    const startMs = Math.max(this.#time.nowMs, out.upFreeMs)
    const sentMs = startMs + (bytes * 1_000) / out.access.up
    out.upFreeMs = sentMs
    const lostMs = this.#random.fraction() < this.#init.loss ? AGAIN_MS : 0
    const thereMs = sentMs + this.#latency(from, to) + lostMs
    const arrivedMs = Math.max(thereMs, into.downFreeMs + (bytes * 1_000) / into.access.down)
    into.downFreeMs = arrivedMs
    return { sentMs, arrivedMs }
  }

  /** Something came to its end. */
  arrived(from: PeerIdString, at: PeerIdString, frame: Uint8Array): void {
    const leaf = leafIn(frame)
    if (leaf === null || !this.#init.counts(from)) return
    const came = this.#came.get(at) ?? new Set()
    this.#came.set(at, came)
    this.leaves += 1
    if (came.has(leaf)) this.twice += 1
    came.add(leaf)
  }

  async #open(peer: PeerIdString, other: PeerIdString): Promise<void> {
    const [one, two] = [this.#hosts.get(peer), this.#hosts.get(other)]
    if (one?.init == null || two?.init == null || one.channels.has(other)) return
    const wants = await one.init.accept(other)
    const taken = (await two.init.accept(peer)) || two.init.takes?.(peer) === true
    if (!wants || !taken || one.channels.has(other) || two.channels.has(peer)) return
    const [a, b] = Pipe.pair(this, this.#time, peer, other)
    one.channels.set(other, a)
    two.channels.set(peer, b)
    for (const [host, channel, far] of [
      [one, a, other],
      [two, b, peer],
    ] as const) {
      channel.closed.addEventListener('abort', () => {
        host.channels.delete(far)
        // Whoever still wants it tries again, as the real ones do.
        this.#time.after(1_000, () => {
          if (this.#hosts.get(channel.self) === host) void this.#open(channel.self, far)
        })
      })
    }
    one.init.onChannel(a)
    two.init.onChannel(b)
  }

  #latency(a: PeerIdString, b: PeerIdString): number {
    return (this.#hosts.get(a)?.access.latencyMs ?? 0) + (this.#hosts.get(b)?.access.latencyMs ?? 0)
  }
}

/** A leaf costs as much as a whole chunk, everything else what it is. */
function wireBytes(frame: Uint8Array): number {
  return FRAME_BYTES + (leafIn(frame) === null ? frame.byteLength : CHUNK_BYTES)
}

/** How a leaf begins, which no other does; null: it is none. */
function leafIn(frame: Uint8Array): string | null {
  if (frame[0] !== PART) return null
  const part = decodeFrame(frame as Uint8Array<ArrayBuffer>)
  if (part.type !== 'part' || part.kind !== 'leaf') return null
  return String(part.bytes.subarray(0, LEAF_HEAD_BYTES))
}

class Pipe implements Channel {
  readonly connections = 1
  readonly self: PeerIdString
  readonly peer: PeerIdString
  readonly path = 'direct'
  readonly #pipes: Pipes
  readonly #time: VirtualTime
  readonly #closed = new AbortController()
  readonly #inbox: Uint8Array[] = []
  #other!: Pipe
  #wake: (() => void) | null = null
  #last: Promise<void> = Promise.resolve()
  #leaving = 0
  #room: (() => void) | null = null
  #lastArrivedMs = 0

  static pair(pipes: Pipes, time: VirtualTime, a: PeerIdString, b: PeerIdString): [Pipe, Pipe] {
    const [one, two] = [new Pipe(pipes, time, a, b), new Pipe(pipes, time, b, a)]
    one.#other = two
    two.#other = one
    return [one, two]
  }

  private constructor(pipes: Pipes, time: VirtualTime, self: PeerIdString, peer: PeerIdString) {
    this.#pipes = pipes
    this.#time = time
    this.self = self
    this.peer = peer
  }

  get closed(): AbortSignal {
    return this.#closed.signal
  }

  send(frame: Uint8Array): Promise<void> {
    const sent = this.#last.then(() => this.#sendNext(frame.slice()))
    this.#last = sent.catch(() => undefined)
    return sent
  }

  spread(frame: Uint8Array): Promise<void> {
    return this.send(frame)
  }

  widen(): void {
    // It has no lanes.
  }

  async *frames(): AsyncIterable<Uint8Array> {
    for (;;) {
      const frame = this.#inbox.shift()
      if (frame !== undefined) yield frame
      else if (this.closed.aborted) return
      else await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  close(): void {
    if (this.closed.aborted) return
    this.#closed.abort()
    this.#wake?.()
    this.#room?.()
    this.#time.after(1, () => {
      this.#other.close()
    })
  }

  async #sendNext(frame: Uint8Array): Promise<void> {
    while (this.#leaving >= ROOM_FRAMES && !this.closed.aborted) {
      await new Promise<void>((resolve) => (this.#room = resolve))
    }
    if (this.closed.aborted) throw new ChannelClosedError('closed before all was sent')
    const { sentMs, arrivedMs } = this.#pipes.carry(this.self, this.peer, frame)
    this.#leaving += 1
    this.#time.after(sentMs - this.#time.nowMs, () => {
      this.#leaving -= 1
      this.#room?.()
    })
    this.#lastArrivedMs = Math.max(this.#lastArrivedMs, arrivedMs)
    this.#time.after(this.#lastArrivedMs - this.#time.nowMs, () => {
      this.#other.#deliver(frame)
    })
  }

  #deliver(frame: Uint8Array): void {
    if (this.closed.aborted) return
    this.#pipes.arrived(this.peer, this.self, frame)
    this.#inbox.push(frame)
    this.#wake?.()
  }
}
