import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { Links } from '../../../src/lib/p2p/keeper/links.ts'
import { LinkChannels } from '../../../src/lib/p2p/channels/channels.ts'
import { type PeerIdString, peerIdOf } from '../../../src/lib/protocol/ids.ts'
import { type Clock, type Logger, systemRandom } from '../../../src/lib/protocol/seams.ts'

export const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** The relay that connections go through, if no other is named. */
export const RELAY = peerIdOf(new Uint8Array(32).fill(3))

const [first, second] = [1, 2].map((byte) => peerIdOf(new Uint8Array(32).fill(byte))).toSorted()

/** Two peers, the smaller id first. */
export const SMALLER = first!
export const LARGER = second!

type Handler = (stream: Stream, connection: Connection) => void

/** One side of a network that tests move by hand: libp2p as far as links and channels use it. */
export class FakeSide {
  readonly self: PeerIdString
  readonly links: Links
  readonly channels: LinkChannels
  readonly doubted: string[] = []
  /** Opens one more connection with this peer, where a test lets it. */
  dialLane: (peer: PeerIdString) => Promise<unknown> = () => Promise.resolve()
  readonly #events = new EventTarget()
  readonly #handlers = new Map<string, Handler>()

  constructor(self: PeerIdString, clock: Clock) {
    this.self = self
    this.links = new Links({ self, clock, log: silent })
    this.links.attach(this.#events as unknown as Libp2p)
    this.channels = new LinkChannels({
      self,
      links: this.links,
      clock,
      random: systemRandom,
      log: silent,
      doubt: ({ id }) => this.doubted.push(id),
      openLane: (peer) => this.links.aside(peer, 'direct', () => this.dialLane(peer)),
    })
  }

  async start(): Promise<void> {
    const libp2p = {
      handle: (protocol: string, handler: Handler) => {
        this.#handlers.set(protocol, handler)
        return Promise.resolve()
      },
      unhandle: (protocol: string) => {
        this.#handlers.delete(protocol)
        return Promise.resolve()
      },
    }
    await this.channels.attach({ libp2p })
  }

  tell(type: 'connection:open' | 'connection:close', connection: FakeConnection): void {
    this.#events.dispatchEvent(new CustomEvent(type, { detail: connection }))
  }

  incoming(protocol: string, stream: Stream, connection: FakeConnection): void {
    this.#handlers.get(protocol)?.(stream, connection as unknown as Connection)
  }
}

export class FakeConnection {
  readonly id: string
  readonly direction: 'inbound' | 'outbound'
  readonly remotePeer: { toString(): string }
  readonly remoteAddr: Multiaddr
  status: 'open' | 'closed' = 'open'
  /** What the last ping took, ms. */
  rtt: number | undefined
  other: FakeConnection | null = null
  readonly #side: FakeSide
  readonly #streams: Stream[] = []
  /** Messages that came over it. */
  carried = 0

  constructor(
    side: FakeSide,
    remote: PeerIdString,
    init: { id: string; direct: boolean; direction: 'inbound' | 'outbound'; relay: PeerIdString },
  ) {
    this.#side = side
    this.remotePeer = { toString: () => remote }
    this.id = init.id
    this.direction = init.direction
    const way = `/ip4/127.0.0.1/tcp/1/ws/p2p/${init.relay}/p2p-circuit`
    this.remoteAddr = multiaddr(`${way}${init.direct ? '/webrtc' : ''}/p2p/${remote}`)
  }

  async newStream(protocol: string, options: { signal: AbortSignal }): Promise<Stream> {
    const [here, there] = await streamPair({ protocol })
    options.signal.throwIfAborted()
    this.#streams.push(here)
    here.addEventListener('message', () => (this.carried += 1))
    this.other?.arrive(protocol, there)
    return here
  }

  arrive(protocol: string, stream: Stream): void {
    this.#streams.push(stream)
    this.#side.incoming(protocol, stream, this)
  }

  close(): Promise<void> {
    this.abort(new Error('closed'))
    return Promise.resolve()
  }

  abort(reason: Error): void {
    if (this.status === 'closed') return
    // As in libp2p: while they end the connection still calls itself open.
    for (const stream of this.#streams) stream.abort(reason)
    this.status = 'closed'
    this.#side.tell('connection:close', this)
    this.other?.abort(reason)
  }
}

let connections = 0

/** A connection that `from` opened to `to`; both sides are told. */
export function connect(
  from: FakeSide,
  to: FakeSide,
  path: 'direct' | 'relayed',
  relay = RELAY,
): FakeConnection {
  connections += 1
  const init = { id: `c${connections}`, direct: path === 'direct', relay }
  const near = new FakeConnection(from, to.self, { ...init, direction: 'outbound' })
  const far = new FakeConnection(to, from.self, { ...init, direction: 'inbound' })
  near.other = far
  far.other = near
  from.tell('connection:open', near)
  to.tell('connection:open', far)
  return near
}
