import { X509Certificate } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { MemoryDatastore } from 'datastore-core'
import { expect, onTestFinished, test } from 'vitest'
import { type Clock, systemClock, systemRandom } from '#lib/protocol/seams.ts'
import {
  MAX_QUIC_HANDSHAKES_PER_SECOND,
  MAX_STREAMS_PER_CONNECTION,
  MAX_WEBTRANSPORT_CONNECTIONS_PER_ADDRESS,
  QUIC_SESSION_TIMEOUT_MS,
  WEBTRANSPORT_STREAM_WINDOW_BYTES,
} from '#relay/limits.ts'
import { Certificates } from '#relay/webtransport/certificates.ts'
import { encodeClose, encodeControlStream, SESSION_STREAM } from '#relay/webtransport/http3.ts'
import { HTTP3 } from '#relay/webtransport/http3-error.ts'
import { decodeHeaders } from '#relay/webtransport/qpack.ts'
import { SESSION_PATH } from '#relay/webtransport/quic-connection.ts'
import { QuicServer, type Refused } from '#relay/webtransport/quic-server.ts'
import { encodeVarint } from '#relay/webtransport/varint.ts'
import type { Word } from '#relay/webtransport/words.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { frame, QuicClient, request } from '../../support/quic-client.ts'
import { eventually } from '../../fixtures/eventually.ts'

/** A server in this process, and what it says to its relay. */
async function serve(clock: Clock = systemClock) {
  const said: Word[] = []
  const refused: Refused[] = []
  let keepsUp = true
  const server = new QuicServer({
    clock,
    random: systemRandom,
    say: (word) => said.push(word),
    mayRead: () => keepsUp,
    onRefused: (reason) => refused.push(reason),
  })
  const certificates = new Certificates({ clock: systemClock, datastore: new MemoryDatastore() })
  await certificates.start()
  await server.take({ type: 'certificate', ...certificates.current })
  await server.take({ type: 'listen', host: '127.0.0.1', port: 0 })
  onTestFinished(() => {
    certificates.stop()
    server.stop()
  })
  const [listening] = said as [Word & { type: 'listening' }]
  const hear = <T extends Word['type']>(type: T): Promise<Word & { type: T }> =>
    eventually(() => said.find((word): word is Word & { type: T } => word.type === type) ?? never())
  return {
    server,
    port: listening.port,
    said,
    refused,
    hear,
    keepUp: (keeps: boolean) => {
      keepsUp = keeps
      if (keeps) server.resume()
    },
  }
}

function never(): never {
  throw new Error('not yet')
}

async function connected(connecting: Promise<QuicClient>): Promise<QuicClient> {
  const client = await connecting
  onTestFinished(() => {
    client.close()
  })
  return client
}

const sessionAt = (port: number): Promise<QuicClient> =>
  connected(QuicClient.openSession(port, SESSION_PATH))

/** The beginning of a stream of the session. */
const PREAMBLE = Buffer.concat([encodeVarint(SESSION_STREAM), encodeVarint(0)])

function statusOf(answer: Buffer): string | undefined {
  return decodeHeaders(answer.subarray(2)).get(':status')
}

function bytesOf(said: readonly Word[]): number {
  return said.reduce((sum, word) => sum + (word.type === 'data' ? word.bytes.byteLength : 0), 0)
}

test('a session is told with its address, its streams go both ways, and its end is told', async () => {
  const { server, port, hear } = await serve()
  const client = await sessionAt(port)
  expect(client.quic.peerStreamsLeftBidi()).toBe(MAX_STREAMS_PER_CONNECTION - 1)
  expect(await hear('session')).toMatchObject({ session: 1, address: '127.0.0.1' })
  client.send(4, Buffer.concat([PREAMBLE, Buffer.from('hello')]), true)
  expect(await hear('opened')).toEqual({ type: 'opened', session: 1, stream: 2 })
  expect(await hear('data')).toEqual({
    type: 'data',
    stream: 2,
    bytes: Uint8Array.from(Buffer.from('hello')),
  })
  expect(await hear('end')).toEqual({ type: 'end', stream: 2 })
  await server.take({ type: 'data', stream: 2, bytes: Buffer.from('there') })
  expect((await client.answer(4)).toString()).toBe('there')
  expect(await hear('taken')).toEqual({ type: 'taken', stream: 2, byteCount: 5 })
  await server.take({ type: 'open', session: 1, stream: 3 })
  await server.take({ type: 'data', stream: 3, bytes: Buffer.from('you') })
  const opened = await client.answer(1, PREAMBLE.byteLength + 1)
  expect(opened.subarray(PREAMBLE.byteLength).toString()).toBe('you')
  client.send(0, encodeClose(), true)
  expect(await client.over).toBe(HTTP3.noError)
  expect(await hear('over')).toEqual({ type: 'over', session: 1 })
})

test('no more of a stream is read than the relay takes, and nothing while it does not keep up', async () => {
  const { server, port, said, hear, keepUp } = await serve()
  const client = await sessionAt(port)
  client.send(4, PREAMBLE)
  await hear('opened')
  const write = (): void => {
    client.send(4, new Uint8Array(WEBTRANSPORT_STREAM_WINDOW_BYTES))
  }
  write()
  const windowBytes = WEBTRANSPORT_STREAM_WINDOW_BYTES
  await eventually(() => {
    if (bytesOf(said) < windowBytes - PREAMBLE.byteLength) write()
    expect(bytesOf(said)).toBeGreaterThanOrEqual(windowBytes - PREAMBLE.byteLength)
  })
  write()
  client.send(8, PREAMBLE)
  await eventually(() => {
    expect(said.filter(({ type }) => type === 'opened')).toHaveLength(2)
  })
  expect(bytesOf(said)).toBeLessThanOrEqual(windowBytes)
  keepUp(false)
  await server.take({ type: 'taken', stream: 2, byteCount: windowBytes })
  expect(bytesOf(said)).toBeLessThanOrEqual(windowBytes)
  keepUp(true)
  await eventually(() => {
    expect(bytesOf(said)).toBeGreaterThan(windowBytes)
  })
})

test('resets go both ways, and so does that nobody reads', async () => {
  const { server, port, said, hear } = await serve()
  const client = await sessionAt(port)
  client.send(4, PREAMBLE)
  await hear('opened')
  await server.take({ type: 'reset', stream: 2 })
  await server.take({ type: 'stop', stream: 2 })
  // The error 0 of an application, as HTTP/3 carries it.
  expect(await client.ended(4)).toBe(`StreamReset(91141958510811)`)
  await server.take({ type: 'open', session: 1, stream: 3 })
  await client.answer(1, PREAMBLE.byteLength)
  client.shut(1)
  expect(await hear('reset')).toEqual({ type: 'reset', stream: 3 })
  await eventually(async () => {
    await server.take({ type: 'data', stream: 3, bytes: new Uint8Array(10) })
    expect(said).toContainEqual({ type: 'stop', stream: 3 })
  })
})

test('other requests are answered, and make no session', async () => {
  const { port, said } = await serve()
  const client = await sessionAt(port)
  client.send(4, request('/elsewhere'), true)
  expect(statusOf(await client.answer(4))).toBe('404')
  client.send(8, request(SESSION_PATH))
  expect(statusOf(await client.answer(8))).toBe('429')
  expect(said.filter(({ type }) => type === 'session')).toHaveLength(1)
})

test.each([
  [
    'a control stream without settings',
    2,
    Buffer.concat([Buffer.of(0), frame(7, Buffer.of(0))]),
    HTTP3.missingSettings,
  ],
  ['settings on a request', 4, frame(4), HTTP3.frameUnexpected],
  ['a body before headers', 4, frame(0, Buffer.of(1)), HTTP3.frameUnexpected],
  [
    'headers longer than any',
    4,
    Buffer.concat([Buffer.of(1), encodeVarint(2 ** 40)]),
    HTTP3.excessiveLoad,
  ],
  [
    'headers of a dynamic table',
    4,
    frame(1, Buffer.of(3, 0, 0x80)),
    HTTP3.qpackDecompressionFailed,
  ],
  [
    'a text that is no Huffman code',
    4,
    frame(1, Buffer.from('00005182ffff', 'hex')),
    HTTP3.frameError,
  ],
  ['a push', 2, Buffer.of(1, 0), HTTP3.streamCreation],
  ['an end of the control stream', 2, encodeControlStream(), HTTP3.closedCriticalStream],
])('%s ends that connection, and no other', async (_what, stream, bytes, code) => {
  const { port, refused, server } = await serve()
  const other = await sessionAt(port)
  const client = await connected(QuicClient.connect(port))
  client.send(stream, bytes, true)
  expect(await client.over).toBe(code)
  expect(refused).toEqual(['webtransport-malformed'])
  await server.take({ type: 'open', session: 1, stream: 3 })
  expect(await other.answer(1)).toEqual(PREAMBLE)
})

test('whoever connects is shown the newest certificate, whoever is there goes on', async () => {
  const { port, server } = await serve()
  const before = await sessionAt(port)
  const next = new Certificates({ clock: systemClock, datastore: new MemoryDatastore() })
  await next.start()
  next.stop()
  await server.take({ type: 'certificate', ...next.current })
  const client = await connected(QuicClient.connect(port))
  const [shown] = client.quic.peerCertChain()!
  expect(Buffer.from(shown!)).toEqual(new X509Certificate(next.current.cert).raw)
  await server.take({ type: 'open', session: 1, stream: 3 })
  expect(await before.answer(1)).toEqual(PREAMBLE)
})

test('who asks for no session in time is let go', async () => {
  const soon: Clock = {
    now: () => systemClock.now(),
    after: (delayMs, call) =>
      systemClock.after(delayMs === QUIC_SESSION_TIMEOUT_MS ? 200 : delayMs, call),
  }
  const { port } = await serve(soon)
  const client = await connected(QuicClient.connect(port))
  expect(await client.over).toBe(HTTP3.requestRejected)
})

test('datagrams that are none of QUIC, or nearly, do no harm', async () => {
  const { port, server } = await serve()
  const before = await sessionAt(port)
  const random = seededRandom(1)
  const socket = createSocket('udp4')
  const initial = await firstPacket()
  const send = (bytes: Uint8Array): Promise<unknown> =>
    new Promise((resolve) => {
      socket.send(bytes, port, '127.0.0.1', resolve)
    })
  for (let time = 0; time < 2_000; time += 1) {
    const changed = Buffer.from(initial)
    for (let change = 0; change < 4; change += 1) {
      const within = Math.floor(random.fraction() * (time % 2 === 0 ? 60 : changed.byteLength))
      changed[within] = Math.floor(random.fraction() * 256)
    }
    await send(changed)
    await send(random.bytes(Math.floor(random.fraction() * 1_400)))
    await send(changed.subarray(0, Math.floor(random.fraction() * changed.byteLength)))
  }
  socket.close()
  await server.take({ type: 'open', session: 1, stream: 3 })
  expect(await before.answer(1)).toEqual(PREAMBLE)
  await sessionAt(port)
})

test('who has not shown that an address is theirs gets less than they sent, and takes no place', async () => {
  const { port, said } = await serve()
  const initial = await firstPacket()
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  onTestFinished(() => {
    socket.close()
  })
  const [answer] = await exchange(socket, initial, port)
  expect(answer.byteLength).toBeLessThan(200)
  // The type in a long header: Retry.
  expect((answer[0]! & 0xf0) >> 4).toBe(0b1111)
  const unknown = Buffer.from(initial)
  unknown.writeUInt32BE(0x1a2a3a4a, 1)
  const [versions] = await exchange(socket, unknown, port)
  expect(versions.readUInt32BE(1)).toBe(0)
  expect(said).toHaveLength(1)
})

test('an address has so many places, and everybody so many handshakes a second', async () => {
  let second = 0
  const clock: Clock = {
    now: () => second * 1_000,
    // Nobody is let go meanwhile, however busy the machine.
    after: (delayMs, call) =>
      delayMs === QUIC_SESSION_TIMEOUT_MS ? () => undefined : systemClock.after(delayMs, call),
  }
  const { port, refused } = await serve(clock)
  for (let place = 0; place < MAX_WEBTRANSPORT_CONNECTIONS_PER_ADDRESS; place += 1) {
    if (place === MAX_QUIC_HANDSHAKES_PER_SECOND) {
      await connected(QuicClient.begin(port))
      await eventually(() => {
        expect(refused[0]).toBe('webtransport-rate')
      })
      second += 1
      // The client that was refused tries again by itself, and is let in.
      continue
    }
    await connected(QuicClient.connect(port))
  }
  await connected(QuicClient.begin(port))
  await eventually(() => {
    expect(refused).toContain('webtransport-per-address')
  })
})

/** What a client begins with. */
async function firstPacket(): Promise<Buffer> {
  const nobody = createSocket('udp4').bind(0, '127.0.0.1')
  await once(nobody, 'listening')
  const client = await QuicClient.begin(nobody.address().port)
  const [packet] = (await once(nobody, 'message')) as [Buffer]
  client.close()
  nobody.close()
  return packet
}

async function exchange(socket: Socket, bytes: Uint8Array, port: number): Promise<[Buffer]> {
  const answered = once(socket, 'message')
  socket.send(bytes, port, '127.0.0.1')
  return (await answered) as [Buffer]
}
