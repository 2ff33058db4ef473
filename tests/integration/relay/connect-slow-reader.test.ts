import type { Stream } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { connectSuffix } from '#lib/protocol/connect/addresses.ts'
import { CONNECT_MODES, type ConnectMode, MAX_QUEUE_BYTES } from '#lib/protocol/connect/connect.ts'
import { SendQueue } from '#lib/protocol/connect/queues.ts'
import { systemClock, systemRandom } from '#lib/protocol/seams.ts'
import { SLOW_READER_TIMEOUT_MS } from '#relay/limits.ts'
import type { Relay } from '#relay/relay.ts'
import { connectTransport } from '../../../src/lib/p2p/connect/transport.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { circuitClient, openCircuit } from './circuits.ts'
import { refused, startRelay, stockClient } from './harness.ts'
import { wayTo } from './way.ts'

const CIRCUITS = 4

/** Of one circuit that nobody reads: a yamux window with the relay, and one message of at most as much behind it. */
const WINDOW_BYTES = 256 * 1_024
const HELD_BYTES = MAX_QUEUE_BYTES + CIRCUITS * 2 * WINDOW_BYTES

/** To be sent through each circuit: together twice what may be held. */
const CIRCUIT_BYTES = (2 * HELD_BYTES) / CIRCUITS
const CHUNK_BYTES = 16 * 1_024

/** The fullest that any queue of the relay was; clients' never fill here. */
let longestQueueBytes: number
/** Whether one had no room. */
let full: boolean

beforeEach(() => {
  longestQueueBytes = 0
  full = false
  const push = SendQueue.prototype.push
  vi.spyOn(SendQueue.prototype, 'push').mockImplementation(function (this: SendQueue, data) {
    const taken = push.call(this, data)
    longestQueueBytes = Math.max(longestQueueBytes, this.bytes)
    full ||= taken < data.byteLength
    return taken
  })
})

afterEach(() => {
  vi.restoreAllMocks()
})

const transport = connectTransport({ clock: systemClock, random: systemRandom })

function connectAt(relay: Relay, mode: ConnectMode, port: number): Multiaddr {
  return multiaddr(`/ip4/127.0.0.1/tcp/${port}${connectSuffix(false, mode)}/p2p/${relay.peerId}`)
}

/** A reader behind a way that it does not read from any more, and others who write to it as much as is taken. */
async function stalled(relay: Relay, mode: ConnectMode) {
  const way = await wayTo(relay)
  const at = connectAt(relay, mode, way.port)
  let arrived = 0
  let bytes = 0
  const onCircuit = (stream: Stream): void => {
    arrived += 1
    stream.addEventListener('message', ({ data }) => (bytes += data.byteLength))
  }
  const reader = await circuitClient(relay, onCircuit, { address: at, transport })
  const writer = await circuitClient(relay, () => undefined)
  const circuits: Circuit[] = []
  while (circuits.length < CIRCUITS) {
    circuits.push(new Circuit(await openCircuit(writer, reader, relay)))
  }
  await expect.poll(() => arrived).toBe(CIRCUITS)
  way.stopReading()
  for (const circuit of circuits) circuit.write()
  await expect.poll(() => full).toBe(true)
  return { way, writer, circuits, came: () => bytes }
}

/** Writes as much as is taken at once, and more whenever there is room. */
class Circuit {
  readonly stream: Stream
  #bytes = 0

  constructor(stream: Stream) {
    this.stream = stream
    stream.addEventListener('drain', () => {
      this.write()
    })
  }

  /** What left this side. */
  get sentBytes(): number {
    return this.#bytes - this.stream.writeBufferLength
  }

  write(): void {
    let room = this.stream.writeStatus === 'writable'
    while (room && this.#bytes < CIRCUIT_BYTES) {
      this.#bytes += CHUNK_BYTES
      room = this.stream.send(new Uint8Array(CHUNK_BYTES))
    }
  }
}

describe.each(CONNECT_MODES)('%s', (mode) => {
  test('who reads nothing is cut after 15 s, whoever writes to it waits until then, and others go on', async () => {
    const clock = new ManualClock()
    const relay = await startRelay([], { clock })
    const other = await stockClient({ transport })
    const { remotePeer } = await other.dial(connectAt(relay, mode, relay.port))
    const { writer, circuits } = await stalled(relay, mode)

    clock.advance(SLOW_READER_TIMEOUT_MS - 1)
    expect(await other.services.ping.ping(remotePeer)).toBeGreaterThanOrEqual(0)
    // The answer comes after all that was written before.
    expect(await writer.services.ping.ping(remotePeer)).toBeGreaterThanOrEqual(0)
    expect(longestQueueBytes).toBeLessThanOrEqual(MAX_QUEUE_BYTES)
    const sentBytes = circuits.reduce((sum, circuit) => sum + circuit.sentBytes, 0)
    expect(sentBytes).toBeGreaterThan(MAX_QUEUE_BYTES)
    expect(sentBytes).toBeLessThanOrEqual(HELD_BYTES)
    expect(await refused(relay, 'slow-reader')).toBe(0)

    clock.advance(1)
    expect(await refused(relay, 'slow-reader')).toBe(1)
    await expect
      .poll(() => circuits.map(({ stream }) => stream.status))
      .toEqual(Array.from({ length: CIRCUITS }, () => 'reset'))
    expect(await other.services.ping.ping(remotePeer)).toBeGreaterThanOrEqual(0)
  })

  test('who reads again in time is sent all of it', async () => {
    const relay = await startRelay([], { clock: new ManualClock() })
    const { way, came } = await stalled(relay, mode)
    way.readAgain()
    await expect.poll(came).toBe(CIRCUITS * CIRCUIT_BYTES)
    expect(await refused(relay, 'slow-reader')).toBe(0)
  })
})
