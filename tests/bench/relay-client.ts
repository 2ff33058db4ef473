import { noise } from '@chainsafe/libp2p-noise'
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { muxer } from '../../src/lib/p2p/muxer.ts'
import { openCircuit, reserve } from '../support/circuits.ts'
import { timeEach } from './page/time-each.ts'

/** libp2p's ping sends so many bytes there and back. */
export const PING_BYTES = 32
const PING_PROTOCOL = '/ipfs/ping/1.0.0'

/** Written at a time, as libp2p does. */
const CHUNK = new Uint8Array(64 * 1_024)

type Transport = NonNullable<Libp2pOptions['transports']>[number]

/** Somebody at a relay, in Node or in a page: libp2p with one way there, and nothing of Starling's node around it. */
export class RelayClient {
  readonly #node: Libp2p
  readonly #connection: Connection
  #leftBytes = 0
  #all = Promise.withResolvers<undefined>()

  private constructor(node: Libp2p, connection: Connection) {
    this.#node = node
    this.#connection = connection
  }

  /** @param address of the relay */
  static async dial(address: string, transport: Transport): Promise<RelayClient> {
    const node = await createLibp2p({
      transports: [transport],
      connectionEncrypters: [noise()],
      streamMuxers: [muxer],
      connectionGater: { denyDialMultiaddr: () => false },
      connectionMonitor: { enabled: false },
    })
    const client = new RelayClient(node, await node.dial(multiaddr(address)))
    await reserve(node, client.relay, (circuit) => {
      client.#take(circuit)
    })
    return client
  }

  get relay(): PeerId {
    return this.#connection.remotePeer
  }

  /** Of this client, which holds a place there. */
  get peer(): string {
    return this.#node.peerId.toString()
  }

  /** Milliseconds of pings of the relay on one stream. @param together pings timed together: see `timeEach` */
  async roundTrips(times: number, together: number): Promise<number[]> {
    const stream = await this.#connection.newStream(PING_PROTOCOL)
    try {
      return await timeEach(
        times,
        () =>
          new Promise((resolve) => {
            stream.addEventListener(
              'message',
              () => {
                resolve()
              },
              { once: true },
            )
            stream.send(new Uint8Array(PING_BYTES))
          }),
        together,
      )
    } finally {
      stream.abort(new Error('measured'))
    }
  }

  /** From now on so many bytes are waited for, by circuits. */
  expect(bytes: number): void {
    this.#leftBytes = bytes
    this.#all = Promise.withResolvers()
  }

  /** Resolves once all are here. @throws Error when the circuit ends before */
  async all(): Promise<void> {
    await this.#all.promise
  }

  /** A circuit to somebody who holds a place at the relay. */
  circuitTo(peer: string): Promise<Stream> {
    return openCircuit(this.#node, peer, this.relay)
  }

  async stop(): Promise<void> {
    await this.#node.stop()
  }

  #take(circuit: Stream): void {
    const all = this.#all
    circuit.addEventListener('message', ({ data }) => {
      this.#leftBytes -= data.byteLength
      if (this.#leftBytes <= 0) all.resolve(undefined)
    })
    circuit.addEventListener('close', () => {
      all.reject(new Error(`a circuit ended with ${this.#leftBytes} bytes to come`))
    })
  }
}

/** Resolves once all of it was handed on. */
export async function write(circuit: Stream, bytes: number): Promise<void> {
  for (let sent = 0; sent < bytes; sent += CHUNK.byteLength) {
    if (circuit.send(CHUNK)) continue
    await new Promise((resolve) => {
      circuit.addEventListener('drain', resolve, { once: true })
    })
  }
}
