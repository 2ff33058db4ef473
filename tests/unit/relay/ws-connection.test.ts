import { EventEmitter } from 'node:events'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, test } from 'vitest'
import type { WebSocket } from 'ws'
import {
  KEEPALIVE_MS,
  MAX_UNANSWERED_PINGS,
  MAX_FRAME_BEFORE_AUTHENTICATION_BYTES,
  MAX_SOCKET_QUEUE_BYTES,
  MAX_WRITE_BUFFER_BYTES,
  SLOW_READER_TIMEOUT_MS,
} from '#relay/limits.ts'
import { WebSocketConnection } from '#relay/ws-connection.ts'
import { settled } from '../../fixtures/fake-network.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { CountingRefusals } from './counting-refusals.ts'

/** A socket whose network takes only what a test lets it take. */
class StalledSocket extends EventEmitter {
  bufferedAmount = 0
  paused = false
  readonly pings: Buffer[] = []
  terminated = false
  readonly #untaken: { bytes: number; taken: () => void }[] = []

  send(data: Uint8Array, taken: () => void): void {
    this.bufferedAmount += data.byteLength
    this.#untaken.push({ bytes: data.byteLength, taken })
  }

  /** The network takes so many messages; everything by default. */
  take(messages = Infinity): void {
    const these = this.#untaken.splice(0, messages)
    for (const { bytes } of these) this.bufferedAmount -= bytes
    for (const { taken } of these) taken()
  }

  ping(said: string): void {
    this.pings.push(Buffer.from(said))
  }

  /** The peer answers the last ping, or the one before it, and so on. */
  pong(at = -1): void {
    this.emit('pong', this.pings.at(at))
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
  }

  terminate(): void {
    this.terminated = true
    this.emit('close', 1_006)
  }

  close(): void {
    this.emit('close', 1_000)
  }
}

function connection() {
  const socket = new StalledSocket()
  const clock = new ManualClock()
  const refusals = new CountingRefusals()
  const conn = new WebSocketConnection(
    { clock, refusals },
    {
      socket: socket as unknown as WebSocket,
      remoteAddr: multiaddr('/ip4/192.0.2.1/tcp/1/ws'),
      log: defaultLogger().forComponent('test'),
      slowReaderTimeoutMs: SLOW_READER_TIMEOUT_MS,
    },
  )
  return { socket, clock, refusals, conn }
}

describe('a reader', () => {
  test('is handed a full queue and no more', () => {
    const { socket, conn } = connection()
    expect(conn.send(new Uint8Array(MAX_SOCKET_QUEUE_BYTES))).toBe(true)
    expect(conn.send(new Uint8Array(1))).toBe(false)
    expect(socket.bufferedAmount).toBe(MAX_SOCKET_QUEUE_BYTES)
  })

  test('that takes in time is sent the rest', async () => {
    const { socket, clock, refusals, conn } = connection()
    conn.send(new Uint8Array(MAX_SOCKET_QUEUE_BYTES))
    conn.send(new Uint8Array(10))
    clock.advance(SLOW_READER_TIMEOUT_MS - 1)
    const idle = new Promise((resolve) => {
      conn.addEventListener('idle', resolve)
    })
    socket.take()
    await idle
    expect(socket.bufferedAmount).toBe(10)
    clock.advance(1)
    expect(refusals.counted).toEqual([])
  })

  test('that takes half in time is sent more, as often as it does, though pings wait behind that', async () => {
    const { socket, clock, refusals, conn } = connection()
    for (let half = 0; half < 8; half += 1) conn.send(new Uint8Array(MAX_SOCKET_QUEUE_BYTES / 2))
    for (let round = 0; round < 5; round += 1) {
      expect(socket.bufferedAmount).toBe(MAX_SOCKET_QUEUE_BYTES)
      clock.advance(SLOW_READER_TIMEOUT_MS - 1)
      socket.take(1)
      await settled()
    }
    expect(refusals.counted).toEqual([])
    clock.advance(SLOW_READER_TIMEOUT_MS)
    expect(refusals.counted).toEqual(['slow-reader'])
  })

  test('that takes nothing is cut', () => {
    const { socket, clock, refusals, conn } = connection()
    conn.send(new Uint8Array(MAX_SOCKET_QUEUE_BYTES))
    conn.send(new Uint8Array(1))
    clock.advance(SLOW_READER_TIMEOUT_MS)
    expect(socket.terminated).toBe(true)
    expect(conn.status).toBe('aborted')
    expect(refusals.counted).toEqual(['slow-reader'])
    expect(clock.pending).toBe(0)
  })

  test('is cut when too much waits behind the queue', () => {
    const { conn, refusals } = connection()
    conn.send(new Uint8Array(MAX_SOCKET_QUEUE_BYTES))
    conn.send(new Uint8Array(MAX_WRITE_BUFFER_BYTES))
    expect(conn.status).toBe('open')
    expect(refusals.counted).toEqual([])
    conn.send(new Uint8Array(1))
    expect(conn.status).toBe('aborted')
    expect(refusals.counted).toEqual(['buffer-full'])
  })
})

describe('a frame', () => {
  test('of the longest length is taken from nobody, and a longer one is not', () => {
    const { socket, refusals, conn } = connection()
    socket.emit('message', Buffer.alloc(MAX_FRAME_BEFORE_AUTHENTICATION_BYTES), true)
    expect(conn.status).toBe('open')
    socket.emit('message', Buffer.alloc(MAX_FRAME_BEFORE_AUTHENTICATION_BYTES + 1), true)
    expect(conn.status).toBe('aborted')
    expect(refusals.counted).toEqual(['frame-too-large'])
  })

  test('longer than that is taken from a peer that is known', () => {
    const { socket, conn } = connection()
    conn.authenticated()
    socket.emit('message', Buffer.alloc(MAX_FRAME_BEFORE_AUTHENTICATION_BYTES + 1), true)
    expect(conn.status).toBe('open')
  })

  test('of text ends the connection', () => {
    const { socket, refusals, conn } = connection()
    socket.emit('message', Buffer.from('hello'), false)
    expect(conn.status).toBe('aborted')
    expect(refusals.counted).toEqual(['frame-text'])
  })

  test.each([
    ['WS_ERR_INVALID_OPCODE', ['frame-malformed']],
    ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', ['frame-too-large']],
    ['ECONNRESET', []],
  ])('that ends in %s counts %j', (code, counted) => {
    const { socket, refusals, conn } = connection()
    socket.emit('error', Object.assign(new Error(code), { code }))
    expect(conn.status).toBe('aborted')
    expect(refusals.counted).toEqual(counted)
  })
})

test('stops reading while it is paused', () => {
  const { socket, conn } = connection()
  conn.pause()
  expect(socket.paused).toBe(true)
  conn.resume()
  expect(socket.paused).toBe(false)
})

test('a peer that answers pings stays, one that does not is cut', () => {
  const { socket, clock, conn } = connection()
  for (let ping = 1; ping <= 2 * MAX_UNANSWERED_PINGS; ping++) {
    clock.advance(KEEPALIVE_MS)
    socket.pong()
  }
  for (let ping = 1; ping <= MAX_UNANSWERED_PINGS; ping++) clock.advance(KEEPALIVE_MS)
  expect(conn.status).toBe('open')
  clock.advance(KEEPALIVE_MS)
  expect(socket.pings).toHaveLength(3 * MAX_UNANSWERED_PINGS)
  expect(conn.status).toBe('aborted')
})

test('a ping measures the round trip, by its own answer', () => {
  const { socket, clock, conn } = connection()
  socket.emit('pong', Buffer.from('null'))
  expect(conn.roundTripMs).toBe(null)
  clock.advance(KEEPALIVE_MS)
  clock.advance(70)
  socket.pong()
  expect(conn.roundTripMs).toBe(70)
  clock.advance(1_000)
  socket.pong()
  expect(conn.roundTripMs).toBe(70)
  clock.advance(2 * KEEPALIVE_MS)
  socket.pong(-2)
  expect(conn.roundTripMs).toBe(70)
  // The clock is set back.
  clock.sleep(-5_000)
  socket.pong()
  expect(conn.roundTripMs).toBe(0)
})

test('a proxy that ends what was idle for 20 s ends no connection', () => {
  const { socket, clock } = connection()
  clock.advance(20_000 - 1)
  expect(socket.pings).toHaveLength(1)
})

test('a socket that closes ends the connection and leaves no timer', () => {
  const { socket, clock, conn } = connection()
  socket.emit('close', 1_000)
  expect(conn.status).toBe('closed')
  expect(clock.pending).toBe(0)
})
