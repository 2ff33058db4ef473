import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { webSockets } from '@libp2p/websockets'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { once } from 'node:events'
import { createLibp2p } from 'libp2p'
import { connectSuffix } from '#lib/protocol/connect/addresses.ts'
import type { ConnectMode } from '#lib/protocol/connect/connect.ts'
import { systemClock, systemRandom } from '#lib/protocol/seams.ts'
import { connectTransport } from '../../src/lib/p2p/connect/transport.ts'
import { openCircuit, reserve } from '../support/circuits.ts'
import type { Relay } from '../support/relay.ts'
import { median } from '../support/trend.ts'
import { chargedTo } from './processor.ts'

/** Ways to a relay that Node has, too. */
export const BENCHED_WAYS = ['websocket', 'http-binary', 'http-sse', 'http-longpoll'] as const

export type BenchedWay = (typeof BENCHED_WAYS)[number]

/** libp2p's ping sends so many bytes there and back. */
export const PING_BYTES = 32
const PING_PROTOCOL = '/ipfs/ping/1.0.0'

/** Written at a time, as libp2p does. */
const CHUNK = new Uint8Array(64 * 1_024)

/** Somebody who reaches a relay by one way, with our own transport, and somebody else at the same relay. */
export class WayTo implements AsyncDisposable {
  readonly #relay: Relay
  readonly #stack: AsyncDisposableStack
  readonly #near: Libp2p
  readonly #far: Libp2p
  readonly #connection: Connection
  #onCircuit: (stream: Stream) => void = () => undefined

  private constructor(
    relay: Relay,
    stack: AsyncDisposableStack,
    [near, far]: [Libp2p, Libp2p],
    connection: Connection,
  ) {
    this.#relay = relay
    this.#stack = stack
    this.#near = near
    this.#far = far
    this.#connection = connection
  }

  static async open(relay: Relay, way: BenchedWay): Promise<WayTo> {
    await using stack = new AsyncDisposableStack()
    const clients: [Libp2p, Libp2p] = [await client(), await client()]
    for (const each of clients) stack.defer(() => each.stop())
    const [near, far] = clients
    const connection = await near.dial(addressOf(relay, way))
    await far.dial(addressOf(relay, 'websocket'))
    const opened = new WayTo(relay, stack.move(), clients, connection)
    await reserve(near, connection.remotePeer, (stream) => {
      opened.#onCircuit(stream)
    })
    return opened
  }

  /** Median milliseconds of a ping of the relay on one stream. */
  async roundTrip(times: number): Promise<number> {
    const stream = await this.#connection.newStream(PING_PROTOCOL)
    const eachMs: number[] = []
    try {
      for (let time = 0; time < times; time++) {
        const startMs = performance.now()
        const back = once(stream, 'message')
        stream.send(new Uint8Array(PING_BYTES))
        await back
        eachMs.push(performance.now() - startMs)
      }
    } finally {
      stream.abort(new Error('measured'))
    }
    return median(eachMs)
  }

  /**
   * So many bytes from the other one by a circuit and down this way, until all are here.
   * @returns how long it took, and for how long the relay was charged meanwhile, ms
   */
  async fetch(bytes: number): Promise<{ ms: number; relayMs: number }> {
    const came = Promise.withResolvers<Stream>()
    this.#onCircuit = came.resolve
    const out = await openCircuit(this.#far, this.#near.peerId, this.#connection.remotePeer)
    const into = await came.promise
    const all = Promise.withResolvers<undefined>()
    let left = bytes
    into.addEventListener('message', ({ data }) => {
      left -= data.byteLength
      if (left <= 0) all.resolve(undefined)
    })
    const charged = (): number => chargedTo(this.#relay.pid)?.ms ?? 0
    const startMs = performance.now()
    const before = charged()
    for (let sent = 0; sent < bytes; sent += CHUNK.byteLength) {
      if (!out.send(CHUNK)) await once(out, 'drain')
    }
    await all.promise
    const result = { ms: performance.now() - startMs, relayMs: charged() - before }
    out.abort(new Error('measured'))
    return result
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync()
  }
}

function client(): Promise<Libp2p> {
  return createLibp2p({
    transports: [webSockets(), connectTransport({ clock: systemClock, random: systemRandom })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    connectionMonitor: { enabled: false },
  })
}

function addressOf({ port }: Relay, way: BenchedWay): Multiaddr {
  const place = `/ip4/127.0.0.1/tcp/${port}`
  if (way === 'websocket') return multiaddr(`${place}/ws`)
  return multiaddr(`${place}${connectSuffix(false, way.slice('http-'.length) as ConnectMode)}`)
}
