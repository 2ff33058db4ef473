import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type Stream, stop, type StreamMuxer } from '@libp2p/interface'
import { WebSocket } from 'ws'
import { DIRECTORY_PROTOCOL } from '#lib/protocol/directory.ts'
import { DHT_PROTOCOL } from '#relay/dht/index.ts'
import {
  HEADERS_TIMEOUT_MS,
  MAX_DHT_STREAMS,
  MAX_QUESTION_STREAMS,
  MAX_FRAME_BEFORE_AUTHENTICATION_BYTES,
  MAX_FRAME_BYTES,
  MAX_FRAME_FRAGMENTS,
  MAX_STREAMS_PER_CONNECTION,
  REQUEST_TIMEOUT_MS,
  SOCKETS_PER_CONNECTION,
} from '#relay/limits.ts'
import type { Relay } from '#relay/relay.ts'
import { refused, startRelay, stockClient, webSocketOf } from './harness.ts'

/** Opens a WebSocket; resolves with whether the relay let it in. */
async function openSocket(relay: Relay, path = '/'): Promise<{ socket: WebSocket; open: boolean }> {
  const socket = new WebSocket(`ws://127.0.0.1:${relay.port}${path}`)
  onTestFinished(() => {
    socket.terminate()
  })
  const refusal = new Promise<boolean>((resolve) => {
    socket.on('error', () => {
      resolve(false)
    })
  })
  const opened = once(socket, 'open').then(
    () => true,
    () => false,
  )
  return { socket, open: await Promise.race([opened, refusal]) }
}

function silentSocket(relay: Relay): Socket {
  const socket = connect(relay.port, '127.0.0.1')
  onTestFinished(() => {
    socket.destroy()
  })
  return socket
}

/** A socket after its upgrade, for bytes that no WebSocket client sends. */
async function rawSocket(relay: Relay): Promise<Socket> {
  const socket = silentSocket(relay)
  socket.write(
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  )
  await once(socket, 'data')
  return socket
}

async function stillServes(relay: Relay): Promise<void> {
  const client = await stockClient()
  const { remotePeer } = await client.dial(webSocketOf(relay))
  expect(await client.services.ping.ping(remotePeer)).toBeGreaterThanOrEqual(0)
}

test('as many connections of one address as allowed, and the next is refused', async () => {
  const relay = await startRelay(['--max-connections-per-address', '3'])
  for (let n = 0; n < 3; n += 1) expect((await openSocket(relay)).open).toBe(true)
  expect((await openSocket(relay)).open).toBe(false)
  expect(await refused(relay, 'connections-per-address')).toBe(1)
})

test.each([
  ['of one address', '--max-connections-per-address', 'connections-per-address'],
  ['in all', '--max-connections', 'connections-total'],
] as const)(
  'as many sockets %s as allowed, also those that say nothing',
  async (_, flag, reason) => {
    const relay = await startRelay([flag, '2'])
    const sockets = Array.from({ length: 2 * SOCKETS_PER_CONNECTION + 1 }, () =>
      silentSocket(relay),
    )
    await Promise.race(sockets.map((socket) => once(socket, 'close')))
    expect(await refused(relay, reason)).toBe(1)
    expect(sockets.filter(({ destroyed }) => !destroyed)).toHaveLength(2 * SOCKETS_PER_CONNECTION)
  },
)

test('as many connections in all as allowed, and the next is refused', async () => {
  const relay = await startRelay(['--max-connections', '3'])
  const sockets = [await openSocket(relay), await openSocket(relay), await openSocket(relay)]
  expect((await openSocket(relay)).open).toBe(false)
  expect(await refused(relay, 'connections-total')).toBe(1)
  const [first] = sockets
  first?.socket.terminate()
  await once(first!.socket, 'close')
  await stillServes(relay)
})

test('who takes too long for the headers of a request, or for all of it, is cut', async () => {
  const relay = await startRelay()
  /** How long the relay waits after these bytes, in ms. */
  const patience = async (bytes: string): Promise<number> => {
    const socket = silentSocket(relay)
    const beganAtMs = performance.now()
    socket.resume().write(bytes)
    await once(socket, 'close')
    return performance.now() - beganAtMs
  }
  const head = 'POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n'
  const [headers, whole] = await Promise.all([
    patience(head),
    patience(`${head}Content-Length: 2\r\n\r\nx`),
  ])
  expect(headers).toBeGreaterThanOrEqual(HEADERS_TIMEOUT_MS)
  // Each was cut for its own reason, however slow this machine is.
  expect(headers).toBeLessThan(whole)
  expect(whole).toBeGreaterThanOrEqual(REQUEST_TIMEOUT_MS)
})

test.each([
  ['noise', '\u0000\u0001\u0002'.repeat(50)],
  ['the beginning of TLS', '\u0016\u0003\u0001\u0002\u0000\u0001'],
  ['a version there is none of', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n'],
  ['no host', 'GET / HTTP/1.1\r\n\r\n'],
  ['an address with a zero in it', 'GET /\u0000 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a header with a zero in it', 'GET / HTTP/1.1\r\nHost: x\r\nX: \u0000\r\n\r\n'],
  ['headers without an end', `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(100_000)}`],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
  [
    'a length and chunks, which two servers may read as two requests',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'a chunk of more than there can be',
    'POST /connect HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n',
  ],
  [
    'an upgrade to nothing',
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  ],
])('%s for a request ends only its socket', async (_, bytes) => {
  const relay = await startRelay()
  const socket = silentSocket(relay)
  // The relay may be through with it before all of it is sent.
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.resume().write(bytes, 'latin1')
  await closed
  await stillServes(relay)
})

test('a malformed frame before any handshake ends only its connection', async () => {
  const relay = await startRelay()
  const socket = await rawSocket(relay)
  const closed = once(socket, 'close')
  // A reserved bit and an unmasked frame: RFC 6455, 5.2 and 5.1.
  socket.resume().write(Buffer.from([0xff, 0x05, 1, 2, 3, 4, 5]))
  await closed
  expect(await refused(relay, 'frame-malformed')).toBe(1)
  await stillServes(relay)
})

test('a frame that announces 100 MiB is refused by its header', async () => {
  const relay = await startRelay()
  const socket = await rawSocket(relay)
  const closed = once(socket, 'close')
  const header = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 6, 0x40, 0, 0, 0, 0, 0, 0])
  socket.resume().write(header)
  await closed
  expect(await refused(relay, 'frame-too-large')).toBe(1)
  await stillServes(relay)
})

test.each([
  ['longer than allowed before authentication', MAX_FRAME_BEFORE_AUTHENTICATION_BYTES + 1],
  ['longer than allowed at all', MAX_FRAME_BYTES + 1],
])('a message %s is refused', async (_what, bytes) => {
  const relay = await startRelay()
  const { socket } = await openSocket(relay)
  const closed = once(socket, 'close')
  socket.send(new Uint8Array(bytes))
  await closed
  expect(await refused(relay, 'frame-too-large')).toBe(1)
  await stillServes(relay)
})

test('a message in more fragments than allowed is refused', async () => {
  const relay = await startRelay()
  const { socket } = await openSocket(relay)
  const closed = once(socket, 'close')
  for (let n = 0; n <= MAX_FRAME_FRAGMENTS; n += 1) {
    socket.send(Uint8Array.of(1), { fin: false, binary: true })
  }
  await closed
  expect(await refused(relay, 'frame-too-large')).toBe(1)
})

test('no compression is agreed on', async () => {
  const { socket } = await openSocket(await startRelay())
  expect(socket.extensions).toBe('')
})

test('a text message is refused', async () => {
  const relay = await startRelay()
  const { socket } = await openSocket(relay)
  const closed = once(socket, 'close')
  socket.send('hello')
  await closed
  expect(await refused(relay, 'frame-text')).toBe(1)
})

test('an upgrade anywhere else is not found', async () => {
  const relay = await startRelay()
  expect((await openSocket(relay, '/elsewhere')).open).toBe(false)
  expect(await refused(relay, 'path')).toBe(1)
})

test('bytes that are no handshake are counted', async () => {
  const relay = await startRelay()
  const { socket } = await openSocket(relay)
  const closed = once(socket, 'close')
  socket.send(Buffer.from('\x13/multistream/1.0.0\n\x04/x\n'))
  socket.close()
  await closed
  await expect.poll(() => refused(relay, 'handshake-failed')).toBe(1)
})

test('whoever says nothing is cut when the handshake should be over', async () => {
  const relay = await startRelay([], { handshakeTimeoutMs: 500 })
  const { socket } = await openSocket(relay)
  await once(socket, 'close')
  await expect.poll(() => refused(relay, 'handshake-timeout')).toBe(1)
})

test('as many connections without a known peer as allowed, and the next is cut', async () => {
  const relay = await startRelay([], { pendingConnections: 2, handshakeTimeoutMs: 60_000 })
  const [first, second] = [await openSocket(relay), await openSocket(relay)]
  const { socket } = await openSocket(relay)
  if (socket.readyState !== WebSocket.CLOSED) await once(socket, 'close')
  expect(await refused(relay, 'connections-pending')).toBe(1)
  expect([first.socket.readyState, second.socket.readyState]).toEqual([
    WebSocket.OPEN,
    WebSocket.OPEN,
  ])
  first.socket.terminate()
  await expect.poll(async () => (await openSocket(relay)).socket.readyState).toBe(WebSocket.OPEN)
})

test('streams of one connection beyond the limit are reset and counted', async () => {
  const relay = await startRelay()
  const client = await stockClient()
  const connection = await client.dial(webSocketOf(relay))
  // Once it answers, it has a connection to count streams of.
  await client.services.ping.ping(connection.remotePeer)
  // Streams that never say which protocol they want: only the muxer counts those.
  const { muxer } = connection as unknown as { muxer: StreamMuxer }
  const streams = await Promise.all(
    Array.from({ length: MAX_STREAMS_PER_CONNECTION + 8 }, () => muxer.createStream()),
  )
  await expect.poll(() => refused(relay, 'streams-per-connection')).toBeGreaterThanOrEqual(8)
  await expect
    .poll(() => streams.filter(({ status }) => status === 'reset').length)
    .toBeGreaterThanOrEqual(8)
  await stillServes(relay)
})

test.each([
  ['DHT', DHT_PROTOCOL, MAX_DHT_STREAMS],
  ['directory', DIRECTORY_PROTOCOL, MAX_QUESTION_STREAMS],
])(
  'a connection has as many streams to the %s as allowed, and the next is reset',
  async (_what, protocol, max) => {
    const relay = await startRelay()
    const client = await stockClient()
    // It would ask the relay of its own accord.
    await stop(client.services.dht)
    const open = (): Promise<Stream> =>
      client.dialProtocol(webSocketOf(relay), protocol, { maxOutboundStreams: max + 1 })
    const streams: Stream[] = []
    while (streams.length < max) streams.push(await open())
    const oneMore = await open()
    await expect.poll(() => oneMore.status).toBe('reset')
    expect(streams.filter(({ status }) => status === 'open')).toHaveLength(max)
    streams[0]?.abort(new Error('no longer needed'))
    await expect.poll(async () => (await open()).status).toBe('open')
  },
)

test('when a peer connects too often its oldest connection goes', async () => {
  const relay = await startRelay()
  const client = await stockClient()
  const connections = []
  for (let n = 0; n <= 4; n += 1) {
    connections.push(await client.dial(webSocketOf(relay), { force: true }))
  }
  const [oldest, ...others] = connections
  await expect.poll(() => oldest!.status).not.toBe('open')
  expect(others.map(({ status }) => status)).toEqual(['open', 'open', 'open', 'open'])
  expect(await refused(relay, 'connections-per-peer')).toBe(1)
})

test('reservations as many as allowed, freed when their peer goes', async () => {
  const relay = await startRelay(['--max-reservations', '1'])
  const listen = [`${webSocketOf(relay).toString()}/p2p-circuit`]
  const first = await stockClient({ listen })
  await expect(stockClient({ listen })).rejects.toThrow()
  expect(await refused(relay, 'reservations')).toBe(1)
  await first.stop()
  await expect
    .poll(async () => await relay.registry.getSingleMetricAsString('starling_relay_reservations'))
    .toContain('starling_relay_reservations 0')
  await stockClient({ listen })
})
