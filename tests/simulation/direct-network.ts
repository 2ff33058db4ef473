import type { Channel, ChannelInit, Channels } from '#lib/p2p/api.ts'
import { ChannelClosedError } from '#lib/p2p/errors.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import type { Faults } from './faults.ts'
import type { Life } from './life.ts'
import type { VirtualTime } from './virtual-time.ts'

/** From the wish for a connection to its channel, ms. */
const DIAL_MS = { least: 50, most: 800 }

/** Until a side notices that the other is gone, ms. */
const NOTICE_MS = { least: 100, most: 40_000 }

/** How long a channel lasts that breaks soon, ms. */
const BRIEF_MS = { least: 10, most: 500 }

const DAY_MS = 24 * 60 * 60 * 1000

interface Host {
  life: Life
  init: ChannelInit
  open: Map<PeerIdString, SimulatedChannel>
}

/** Connects people who are awake, when there is a way between them; frames take time on it, and some go wrong. */
export class DirectNetwork {
  readonly #time: VirtualTime
  readonly #faults: Faults
  readonly #onMeet: (a: PeerIdString, b: PeerIdString) => void
  readonly #hosts = new Map<PeerIdString, Host>()
  readonly #cut = new Set<string>()
  readonly #dialling = new Set<string>()

  constructor(
    time: VirtualTime,
    faults: Faults,
    onMeet: (a: PeerIdString, b: PeerIdString) => void,
  ) {
    this.#time = time
    this.#faults = faults
    this.#onMeet = onMeet
  }

  channels(peer: PeerIdString, life: Life): Channels {
    return {
      handle: (init) => {
        const host: Host = { life, init, open: new Map() }
        this.#hosts.set(peer, host)
        this.dialAll()
        return Promise.resolve(() => {
          if (this.#hosts.get(peer) === host) this.#hosts.delete(peer)
          for (const channel of host.open.values()) channel.close()
          return Promise.resolve()
        })
      },
      offer: (_protocol, other) => {
        this.#dial(peer, other)
      },
    }
  }

  /** The power of this one went: the others notice after a while, or when it is back. */
  lost(peer: PeerIdString): void {
    const host = this.#hosts.get(peer)
    this.#hosts.delete(peer)
    for (const channel of host?.open.values() ?? []) channel.vanish()
  }

  cut(a: PeerIdString, b: PeerIdString): void {
    if (this.#cut.has(key(a, b))) return
    this.#cut.add(key(a, b))
    for (const [one, other] of both(a, b)) this.#hosts.get(one)?.open.get(other)?.vanish()
  }

  /** Nothing gets through any more, and neither side notices. */
  hang(a: PeerIdString, b: PeerIdString): void {
    this.#cut.add(key(a, b))
    for (const [one, other] of both(a, b)) this.#hosts.get(one)?.open.get(other)?.hang()
  }

  join(a: PeerIdString, b: PeerIdString): void {
    this.#cut.delete(key(a, b))
    this.#dial(a, b)
  }

  isCut(a: PeerIdString, b: PeerIdString): boolean {
    return this.#cut.has(key(a, b))
  }

  /** Another connection takes over: a new channel. */
  renew(a: PeerIdString, b: PeerIdString): void {
    this.#hosts.get(a)?.open.get(b)?.close()
    this.#dial(a, b)
  }

  /** Everybody who can be is connected. */
  dialAll(): void {
    const peers = [...this.#hosts.keys()]
    for (const [at, a] of peers.entries()) {
      for (const b of peers.slice(at + 1)) this.#dial(a, b)
    }
  }

  #dial(a: PeerIdString, b: PeerIdString): void {
    const pair = key(a, b)
    if (this.#cut.has(pair) || this.#dialling.has(pair)) return
    if (!this.#hosts.has(a) || !this.#hosts.has(b)) return
    this.#dialling.add(pair)
    this.#time.after(this.#faults.between(DIAL_MS.least, DIAL_MS.most), () => {
      this.#dialling.delete(pair)
      void this.#connect(a, b)
    })
  }

  async #connect(a: PeerIdString, b: PeerIdString): Promise<void> {
    const [atA, atB] = [this.#hosts.get(a), this.#hosts.get(b)]
    if (atA === undefined || atB === undefined || this.#cut.has(key(a, b))) return
    if (atA.life.asleep || atB.life.asleep) return
    this.#onMeet(a, b)
    if (!(await atA.init.accept(b)) || !(await atB.init.accept(a))) return
    const [before, also] = [atA.open.get(b), atB.open.get(a)]
    if (before?.leadsTo(also)) return
    before?.close()
    also?.close()
    const redial = (): void => {
      this.#time.after(this.#faults.between(500, 5_000), () => {
        this.#dial(a, b)
      })
    }
    const [one, other] = SimulatedChannel.pair(this.#faults, [a, atA.life], [b, atB.life], redial)
    atA.open.set(b, one)
    atB.open.set(a, other)
    if (this.#faults.happens('channelBrief')) {
      this.#time.after(this.#faults.between(BRIEF_MS.least, BRIEF_MS.most), () => {
        one.vanish()
      })
    }
    atA.init.onChannel(one)
    atB.init.onChannel(other)
  }
}

/** A channel whose frames take time; with faults, some are lost, come twice, late or before others. */
class SimulatedChannel implements Channel {
  readonly connections = 1
  readonly peer: PeerIdString
  readonly path = 'direct'
  readonly #faults: Faults
  readonly #life: Life
  readonly #onEnd: () => void
  readonly #closed = new AbortController()
  readonly #inbox: Uint8Array[] = []
  #other: SimulatedChannel | null = null
  #vanished = false
  #wake: (() => void) | null = null
  /** When the frame before arrives. */
  #lastAtMs = 0

  static pair(
    faults: Faults,
    [a, lifeA]: [PeerIdString, Life],
    [b, lifeB]: [PeerIdString, Life],
    onEnd: () => void,
  ): [SimulatedChannel, SimulatedChannel] {
    const one = new SimulatedChannel(faults, b, lifeA, onEnd)
    const other = new SimulatedChannel(faults, a, lifeB, onEnd)
    one.#other = other
    other.#other = one
    return [one, other]
  }

  private constructor(faults: Faults, peer: PeerIdString, life: Life, onEnd: () => void) {
    this.#faults = faults
    this.peer = peer
    this.#life = life
    this.#onEnd = onEnd
  }

  get closed(): AbortSignal {
    return this.#closed.signal
  }

  leadsTo(other: SimulatedChannel | undefined): boolean {
    const whole = other !== undefined && this.#other === other
    return whole && !this.closed.aborted && !other.closed.aborted && !this.#vanished
  }

  async send(frame: Uint8Array): Promise<void> {
    await Promise.resolve()
    if (this.#life.dead) await this.#life.gone()
    if (this.closed.aborted) throw new ChannelClosedError('closed')
    if (this.#vanished || this.#faults.happens('frameLost')) return
    for (let copies = this.#faults.happens('frameDoubled') ? 2 : 1; copies > 0; copies -= 1) {
      const other = this.#other!
      let arrivesAtMs = this.#life.now() + this.#faults.between(5, 120)
      if (this.#faults.happens('frameLate')) arrivesAtMs += this.#faults.between(100, 15_000)
      if (this.#faults.happens('frameByADay'))
        arrivesAtMs += this.#faults.random.fraction() * DAY_MS
      // A channel keeps the order of frames, so that one that is late holds up those behind it; with faults, not always.
      if (!this.#faults.happens('frameOvertakes')) {
        arrivesAtMs = Math.max(this.#lastAtMs, arrivesAtMs)
        this.#lastAtMs = arrivesAtMs
      }
      const delayMs = arrivesAtMs - this.#life.now()
      const copy = frame.slice()
      other.#life.hears(delayMs, () => {
        other.#arrive(copy)
      })
    }
  }

  spread(frame: Uint8Array): Promise<void> {
    return this.send(frame)
  }

  widen(): void {
    // It has no lanes.
  }

  async *frames(): AsyncIterable<Uint8Array> {
    while (!this.closed.aborted) {
      const frame = this.#inbox.shift()
      if (frame !== undefined) {
        yield frame
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve))
        this.#wake = null
      }
    }
  }

  close(): void {
    if (this.closed.aborted) return
    this.#end()
    const other = this.#other!
    if (this.#vanished) return
    other.#life.hears(this.#faults.between(5, 120), () => {
      other.#end()
    })
  }

  /** Nothing gets through any more; each side notices by itself. */
  vanish(): void {
    for (const side of [this, this.#other!]) {
      side.#vanished = true
      side.#life.hears(this.#faults.between(NOTICE_MS.least, NOTICE_MS.most), () => {
        side.#end()
      })
    }
  }

  /** The same, and neither side notices. */
  hang(): void {
    for (const side of [this, this.#other!]) side.#vanished = true
  }

  #end(): void {
    if (this.closed.aborted) return
    this.#closed.abort()
    this.#wake?.()
    this.#onEnd()
  }

  #arrive(frame: Uint8Array): void {
    if (this.closed.aborted || this.#vanished) return
    this.#inbox.push(frame)
    this.#wake?.()
  }
}

function both(a: PeerIdString, b: PeerIdString): [PeerIdString, PeerIdString][] {
  return [
    [a, b],
    [b, a],
  ]
}

function key(a: PeerIdString, b: PeerIdString): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}
