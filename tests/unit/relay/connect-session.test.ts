import { defaultLogger } from '@libp2p/logger'
import { expect, test } from 'vitest'
import { MAX_QUEUE_BYTES, SESSION_PATIENCE_MS } from '#lib/protocol/connect/connect.ts'
import { ackOf, endOf, type Frame, RESET } from '#lib/protocol/connect/frames.ts'
import { systemRandom } from '#lib/protocol/seams.ts'
import { Admission } from '#relay/admission.ts'
import type { ConnectSession } from '#relay/connect/session.ts'
import { ConnectSessions } from '#relay/connect/sessions.ts'
import {
  CONNECT_HOLD_MS,
  CONNECT_LINGER_MS,
  CONNECT_SWEEP_MS,
  COSTLY_LIMITS,
  MAX_WRITE_BUFFER_BYTES,
  SLOW_READER_TIMEOUT_MS,
} from '#relay/limits.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { CountingRefusals } from './counting-refusals.ts'

const REMOTE = { address: '192.0.2.1', port: 1, byUnknownProxy: false }

function relay({ maxConnections = 2 } = {}) {
  const clock = new ManualClock()
  const refusals = new CountingRefusals()
  const limits = { maxConnections, maxConnectionsPerAddress: maxConnections }
  const admission = new Admission({ refusals, clock }, limits)
  const sessions = new ConnectSessions({
    clock,
    random: systemRandom,
    refusals,
    admission,
    costly: COSTLY_LIMITS,
  })
  const opened: ConnectSession[] = []
  const stop = sessions.serve({
    logger: defaultLogger(),
    take: (session) => {
      opened.push(session)
    },
  })
  const open = (): ConnectSession => {
    if (sessions.open(REMOTE) === null) throw new Error('no place')
    return opened.at(-1)!
  }
  return { clock, refusals, sessions, open, stop }
}

function dataOf(number: number, ...bytes: number[]): Frame {
  return { type: 'data', number, data: Uint8Array.from(bytes) }
}

/** What libp2p reads of it. */
function read(session: ConnectSession): number[] {
  const bytes: number[] = []
  session.addEventListener('message', ({ data }) => bytes.push(...data.subarray()))
  return bytes
}

test('who takes nothing is cut after a while, and holds no more than a queue until then', () => {
  const { clock, refusals, sessions, open } = relay()
  const session = open()
  expect(session.send(new Uint8Array(MAX_QUEUE_BYTES / 2))).toBe(true)
  expect(session.send(new Uint8Array(MAX_QUEUE_BYTES))).toBe(false)
  const held = session.from(0, Infinity).reduce((sum, { data }) => sum + data.byteLength, 0)
  expect(held).toBeLessThanOrEqual(MAX_QUEUE_BYTES)
  clock.advance(SLOW_READER_TIMEOUT_MS - 1)
  expect(session.status).toBe('open')
  clock.advance(1)
  expect(session.status).toBe('aborted')
  expect([refusals.counted, sessions.size]).toEqual([['slow-reader'], 0])
})

test('who takes half of the queue in time is forgiven, and given the rest', async () => {
  const { clock, open } = relay()
  const session = open()
  session.send(new Uint8Array(2 * MAX_QUEUE_BYTES))
  const { number } = session.from(0, Infinity).at(-1)!
  clock.advance(SLOW_READER_TIMEOUT_MS - 1)
  session.acknowledge(number)
  await Promise.resolve()
  expect(session.from(0, Infinity).at(-1)!.number).toBeGreaterThan(number)
  clock.advance(SLOW_READER_TIMEOUT_MS - 1)
  expect(session.status).toBe('open')
})

test('more than may wait behind a full queue ends the session', () => {
  const { refusals, open } = relay()
  const session = open()
  session.send(new Uint8Array(MAX_QUEUE_BYTES))
  session.send(new Uint8Array(MAX_WRITE_BUFFER_BYTES + MAX_QUEUE_BYTES))
  expect(session.status).toBe('aborted')
  expect(refusals.counted).toEqual(['buffer-full'])
})

test('a session of which nothing is heard is ended, and its place is free', () => {
  const { clock, sessions, open } = relay({ maxConnections: 1 })
  const session = open()
  clock.advance(SESSION_PATIENCE_MS)
  session.heard(REMOTE.address)
  expect(sessions.open(REMOTE)).toBeNull()
  clock.advance(SESSION_PATIENCE_MS)
  expect(session.status).toBe('open')
  clock.advance(CONNECT_SWEEP_MS)
  expect([session.status, sessions.size]).toEqual(['aborted', 0])
  expect(sessions.open(REMOTE)).not.toBeNull()
})

test('what came is taken once, and what misses something before it is not', async () => {
  const session = relay().open()
  const bytes = read(session)
  expect(await session.take([dataOf(0, 1), dataOf(1, 2)])).toBe(2)
  expect(await session.take([dataOf(1, 2), dataOf(2, 3)])).toBe(3)
  expect(await session.take([dataOf(4, 5)])).toBe(3)
  expect(bytes).toEqual([1, 2, 3])
})

test('while libp2p does not read, what comes waits with its sender, for a while', async () => {
  const { clock, open } = relay()
  const session = open()
  const bytes = read(session)
  session.pause()
  const refused = session.take([dataOf(0, 1)])
  clock.advance(CONNECT_HOLD_MS)
  expect(await refused).toBe(0)
  const held = session.take([dataOf(0, 1)])
  session.resume()
  expect(await held).toBe(1)
  expect(bytes).toEqual([1])
})

test('a newer request takes the place of one that waits', async () => {
  const session = relay().open()
  session.pause()
  const older = session.take([dataOf(0, 1)])
  const newer = session.take([dataOf(0, 1)])
  expect(await older).toBe(0)
  session.resume()
  expect(await newer).toBe(1)
})

test('what was sent before the end is there to be taken, until it was or for a while', async () => {
  const { clock, sessions, open } = relay()
  const [taken, left] = [open(), open()]
  for (const session of [taken, left]) {
    session.send(Uint8Array.of(1))
    await session.close()
    expect(session.from(0, Infinity).map(({ type }) => type)).toEqual(['data', 'end'])
  }
  await taken.take([ackOf(2)])
  expect(sessions.size).toBe(1)
  clock.advance(CONNECT_LINGER_MS)
  expect(sessions.size).toBe(0)
})

test.for([
  ['reset', RESET],
  ['closed', endOf(0)],
] as const)('a client ends it: %s', async ([status, frame]) => {
  const { sessions, open } = relay()
  const session = open()
  await session.take([frame])
  expect([session.status, sessions.size]).toEqual([status, 0])
})

test('a relay that stops ends every session and leaves no timer', () => {
  const { clock, sessions, open, stop } = relay()
  const session = open()
  session.send(new Uint8Array(2 * MAX_QUEUE_BYTES))
  stop()
  expect([session.status, sessions.size, clock.pending]).toEqual(['aborted', 0, 0])
  expect(sessions.open(REMOTE)).toBeNull()
})
