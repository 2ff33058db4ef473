import { duplexPair } from 'node:stream'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import {
  MAX_WEBTRANSPORT_EARLY_STREAMS,
  QUIC_CPU_PATIENCE_MS,
  QUIC_MEMORY_MIB,
  QUIC_PULSE_MS,
  QUIC_SILENCE_MS,
  SLOW_READER_TIMEOUT_MS,
  WEBTRANSPORT_SESSION_WINDOW_BYTES,
  WEBTRANSPORT_STREAM_WINDOW_BYTES,
} from '#relay/limits.ts'
import { QuicRun } from '#relay/webtransport/quic-run.ts'
import { SessionConnection } from '#relay/webtransport/session-connection.ts'
import type { SessionStream } from '#relay/webtransport/session-stream.ts'
import { encodeWord, REFUSED, type Word, WordReader } from '#relay/webtransport/words.ts'
import { settled } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { CountingRefusals } from '../counting-refusals.ts'

const ADDRESS = multiaddr('/ip4/192.0.2.1/udp/1/quic-v1/webtransport')

/** A run, and the process's side of it. */
function run() {
  const clock = new ManualClock()
  const refusals = new CountingRefusals()
  const [channel, other] = duplexPair()
  const warnings: string[] = []
  let killed = 0
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (text: string) => warnings.push(text),
    error: () => undefined,
  }
  const taken: SessionConnection[] = []
  new QuicRun(
    { clock, refusals, log },
    {
      pid: 1,
      channel,
      kill: () => {
        killed += 1
        other.destroy()
      },
    },
    {
      take: (init) => {
        const connection = new SessionConnection(
          { clock, refusals },
          {
            ...init,
            remoteAddr: ADDRESS,
            log: defaultLogger().forComponent('test'),
            slowReaderTimeoutMs: SLOW_READER_TIMEOUT_MS,
          },
        )
        taken.push(connection)
        return connection
      },
      onListening: () => undefined,
    },
  )
  const words = new WordReader()
  const heard: Word[] = []
  other.on('data', (chunk: Buffer) => heard.push(...words.push(chunk)))
  const say = async (...said: Word[]): Promise<void> => {
    for (const word of said) other.write(encodeWord(word))
    await settled(10)
  }
  const pulse = (cpuMs: number, memoryMib = 100): Promise<void> =>
    say({ type: 'pulse', cpuMs, memoryMib, refused: REFUSED.map(() => 0) })
  return { clock, refusals, channel, warnings, heard, taken, say, pulse, killed: () => killed }
}

const SESSION: Word = { type: 'session', session: 1, port: 2, address: '192.0.2.1' }

/** A session that takes its streams. */
async function session() {
  const all = run()
  await all.say(SESSION)
  const connection = all.taken[0]!
  const streams: SessionStream[] = []
  connection.serve((stream) => streams.push(stream))
  return { ...all, connection, streams }
}

function bytesOf(words: readonly Word[]): number {
  return words.reduce((sum, word) => sum + (word.type === 'data' ? word.bytes.byteLength : 0), 0)
}

test('a process that says nothing for so long is ended', async () => {
  const { clock, pulse, killed, warnings } = run()
  clock.advance(QUIC_SILENCE_MS - 1)
  await pulse(1)
  clock.advance(QUIC_SILENCE_MS - 1)
  expect(killed()).toBe(0)
  clock.advance(1)
  expect(killed()).toBe(1)
  expect(warnings[0]).toContain('nothing heard')
})

test('a process that takes a whole core for so long is ended, one that does so for a while is not', async () => {
  const { clock, pulse, killed } = run()
  let cpuMs = 0
  const busy = async (forMs: number): Promise<void> => {
    for (let ms = 0; ms < forMs; ms += QUIC_PULSE_MS) {
      clock.advance(QUIC_PULSE_MS)
      await pulse((cpuMs += QUIC_PULSE_MS))
    }
  }
  await busy(QUIC_CPU_PATIENCE_MS)
  clock.advance(QUIC_PULSE_MS)
  await pulse(cpuMs)
  await busy(QUIC_CPU_PATIENCE_MS)
  expect(killed()).toBe(0)
  await busy(QUIC_PULSE_MS)
  expect(killed()).toBe(1)
})

test('a process that takes more memory than that is ended', async () => {
  const { pulse, killed } = run()
  await pulse(0, QUIC_MEMORY_MIB)
  expect(killed()).toBe(0)
  await pulse(0, QUIC_MEMORY_MIB + 1)
  expect(killed()).toBe(1)
})

test.each<[string, Word[]]>([
  ['what only the relay says', [{ type: 'open', session: 1, stream: 2 }]],
  ['a session twice', [SESSION, SESSION]],
  [
    'an address that is none',
    [{ ...SESSION, type: 'session', session: 1, port: 2, address: 'x/p2p' }],
  ],
  ['a stream with a number of the relay', [SESSION, { type: 'opened', session: 1, stream: 3 }]],
  [
    'a stream twice',
    [SESSION, { type: 'opened', session: 1, stream: 2 }, { type: 'opened', session: 1, stream: 2 }],
  ],
])('a process that says %s is ended', async (_what, words) => {
  const { say, killed } = run()
  await say(...words)
  expect(killed()).toBe(1)
})

test('what it refuses is counted', async () => {
  const { say, refusals } = run()
  await say({ type: 'pulse', cpuMs: 0, memoryMib: 0, refused: [0, 2, 0, 1] })
  expect(refusals.counted).toEqual([
    'webtransport-per-address',
    'webtransport-per-address',
    'webtransport-malformed',
  ])
})

test('bytes go both ways; what is read is told, but not while libp2p does not read', async () => {
  const { say, streams, heard } = await session()
  await say({ type: 'opened', session: 1, stream: 2 })
  const [stream] = streams
  const read: number[] = []
  stream!.addEventListener('message', ({ data }) => read.push(...data.subarray()))
  await say({ type: 'data', stream: 2, bytes: Uint8Array.of(1, 2) })
  expect(read).toEqual([1, 2])
  expect(heard).toEqual([{ type: 'taken', stream: 2, byteCount: 2 }])
  stream!.pause()
  await say({ type: 'data', stream: 2, bytes: Uint8Array.of(3) })
  expect(heard).toHaveLength(1)
  stream!.resume()
  await settled(10)
  expect(read).toEqual([1, 2, 3])
  expect(heard).toHaveLength(2)
  stream!.send(Uint8Array.of(9))
  await stream!.close()
  await settled(10)
  expect(heard.slice(2)).toEqual([
    { type: 'data', stream: 2, bytes: Uint8Array.of(9) },
    { type: 'end', stream: 2 },
  ])
  await say({ type: 'end', stream: 2 })
  expect(stream!.status).toBe('closed')
})

test('a stream sends a window, and goes on when it was taken', async () => {
  const { say, connection, heard } = await session()
  const stream = connection.openStream()
  stream.send(new Uint8Array(WEBTRANSPORT_STREAM_WINDOW_BYTES + 10))
  await settled(10)
  expect(bytesOf(heard)).toBe(WEBTRANSPORT_STREAM_WINDOW_BYTES)
  await say({ type: 'taken', stream: 3, byteCount: 4 })
  expect(bytesOf(heard)).toBe(WEBTRANSPORT_STREAM_WINDOW_BYTES + 4)
  // More than was sent makes no larger window.
  await say({ type: 'taken', stream: 3, byteCount: 2 ** 31 })
  expect(bytesOf(heard)).toBe(WEBTRANSPORT_STREAM_WINDOW_BYTES + 10)
})

test('all streams of a session share its room; who leaves it full is cut', async () => {
  const { clock, connection, heard, refusals, say, pulse } = await session()
  /** Time, in which the process is well. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= QUIC_PULSE_MS) {
      clock.advance(Math.min(left, QUIC_PULSE_MS))
      await pulse(0)
    }
  }
  const count = WEBTRANSPORT_SESSION_WINDOW_BYTES / WEBTRANSPORT_STREAM_WINDOW_BYTES
  for (let opened = 0; opened <= count; opened += 1) {
    connection.openStream().send(new Uint8Array(WEBTRANSPORT_STREAM_WINDOW_BYTES))
  }
  await settled(10)
  expect(bytesOf(heard)).toBe(WEBTRANSPORT_SESSION_WINDOW_BYTES)
  await pass(SLOW_READER_TIMEOUT_MS - 1)
  await say({ type: 'taken', stream: 3, byteCount: 1 })
  expect(bytesOf(heard)).toBe(WEBTRANSPORT_SESSION_WINDOW_BYTES + 1)
  await pass(SLOW_READER_TIMEOUT_MS - 1)
  expect(connection.status).toBe('open')
  clock.advance(1)
  expect(connection.status).toBe('aborted')
  expect(refusals.counted).toEqual(['slow-reader'])
  expect(connection.refused).toBe(true)
})

test('a reset ends a stream on both sides; one that nobody reads takes what is written to nowhere', async () => {
  const { say, connection, heard } = await session()
  const stream = connection.openStream()
  await say({ type: 'reset', stream: 3 })
  expect(stream.status).toBe('reset')
  expect(heard.map(({ type }) => type)).toEqual(['open', 'reset'])
  const unread = connection.openStream()
  await say({ type: 'stop', stream: 5 })
  unread.send(new Uint8Array(2 * WEBTRANSPORT_STREAM_WINDOW_BYTES))
  await settled(10)
  expect(bytesOf(heard)).toBe(0)
})

test('a session may open so many streams before it is known who is there', async () => {
  const { say, taken } = run()
  await say(SESSION)
  for (let opened = 1; opened <= MAX_WEBTRANSPORT_EARLY_STREAMS; opened += 1) {
    await say({ type: 'opened', session: 1, stream: 2 * opened })
  }
  expect(taken[0]!.status).toBe('open')
  await say({ type: 'opened', session: 1, stream: 100 })
  expect(taken[0]!.status).toBe('aborted')
})

test('when the process ends, its connections do, and their streams', async () => {
  const { say, connection, streams, channel } = await session()
  await say({ type: 'opened', session: 1, stream: 2 })
  channel.destroy()
  await settled(10)
  expect(connection.status).toBe('closed')
  expect(streams[0]!.status).toBe('closed')
})
