import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { MAX_SOCKET_QUEUE_BYTES } from '#relay/limits.ts'
import { circuitClient, openCircuit } from './circuits.ts'
import { refused, startRelay, stockClient, webSocketOf } from './harness.ts'
import { wayTo } from './way.ts'

/** The longest header of a frame a server sends: https://www.rfc-editor.org/rfc/rfc6455#section-5.2 */
const FRAME_HEADER_BYTES = 10

/** Each circuit takes a yamux window of 256 KiB; together far more than the system holds for a socket. */
const CIRCUITS = 64
const WINDOW_BYTES = 256 * 1_024

let longestQueueBytes: number

beforeEach(() => {
  longestQueueBytes = 0
  const send = WebSocket.prototype.send
  vi.spyOn(WebSocket.prototype, 'send').mockImplementation(function (
    this: WebSocket,
    ...args: Parameters<typeof send>
  ) {
    send.apply(this, args)
    longestQueueBytes = Math.max(longestQueueBytes, this.bufferedAmount)
  } as typeof send)
})

afterEach(() => {
  vi.restoreAllMocks()
})

test('who stops reading is cut, after a queue as long as allowed, and others are served on', async () => {
  const relay = await startRelay([], { slowReaderTimeoutMs: 1_000 })
  const { port, stopReading } = await wayTo(relay)
  let arrived = 0
  const reader = await circuitClient(relay, () => (arrived += 1), {
    address: multiaddr(`/ip4/127.0.0.1/tcp/${port}/ws/p2p/${relay.peerId}`),
  })
  const writer = await circuitClient(relay, () => undefined)
  const circuits: Stream[] = []
  while (circuits.length < CIRCUITS) circuits.push(await openCircuit(writer, reader, relay))
  await expect.poll(() => arrived).toBe(CIRCUITS)

  stopReading()
  for (const circuit of circuits) circuit.send(new Uint8Array(WINDOW_BYTES))
  await expect.poll(() => refused(relay, 'slow-reader')).toBe(1)
  expect(longestQueueBytes).toBeGreaterThan(MAX_SOCKET_QUEUE_BYTES / 2)
  expect(longestQueueBytes).toBeLessThanOrEqual(MAX_SOCKET_QUEUE_BYTES + FRAME_HEADER_BYTES)

  const other = await stockClient()
  const { remotePeer } = await other.dial(webSocketOf(relay))
  expect(await other.services.ping.ping(remotePeer)).toBeGreaterThanOrEqual(0)
  expect(await writer.services.ping.ping(remotePeer)).toBeGreaterThanOrEqual(0)
}, 120_000)
