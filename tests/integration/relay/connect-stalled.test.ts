import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, onTestFinished, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { CONNECT_MODES, type ConnectMode } from '#lib/protocol/connect/connect.ts'
import { ackOf, encodeFrames, type Frame, IDLE } from '#lib/protocol/connect/frames.ts'
import { type Clock, systemClock, systemRandom } from '#lib/protocol/seams.ts'
import { ENCODERS } from '#relay/connect/answers.ts'
import type { ConnectConnection } from '../../../src/lib/p2p/connect/connection.ts'
import { connectTo } from '../../../src/lib/p2p/connect/dial.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'

const SESSION = 'a'.repeat(32)

const dataOf = (number: number, byte: number): Frame => ({
  type: 'data',
  number,
  data: Uint8Array.of(byte),
})

/** What a relay answers to one request for frames; null: the request is taken, and nothing is ever said. */
type Answer = readonly Frame[] | 'refused' | null

/** A relay that opens a session, takes what is posted, and answers the n-th request for frames with the n-th of these. */
async function relayThat(mode: ConnectMode, answers: Answer[]) {
  const asked: number[] = []
  const answer = (next: number): Answer => {
    asked.push(next)
    return answers[asked.length - 1] ?? null
  }
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    request.resume()
    if (request.method === 'POST') {
      const isNew = request.headers['x-connect-session'] === undefined
      response.writeHead(isNew ? 201 : 200)
      response.end(isNew ? SESSION : encodeFrames([ackOf(0)]))
      return
    }
    const frames = answer(Number(request.headers['x-connect-ack']))
    if (frames === null) return
    if (frames === 'refused') {
      response.writeHead(403).end()
      return
    }
    response.writeHead(200)
    for (const frame of frames) response.write(ENCODERS[mode](frame))
    response.end()
  })
  const sockets = new WebSocketServer({ server })
  sockets.on('connection', (socket) => {
    socket.once('message', (hello: Buffer) => {
      const frames = answer(Number(hello.toString().split(' ')[1]))
      if (frames === null || frames === 'refused') {
        socket.on('message', () => {
          socket.send(encodeFrames([ackOf(0)]))
        })
        return
      }
      socket.send(encodeFrames(frames))
      socket.close()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets.clients) socket.terminate()
    server.close()
    server.closeAllConnections()
  })
  return { port: (server.address() as AddressInfo).port, asked }
}

async function dial(clock: Clock, port: number, mode: ConnectMode) {
  const url = `http://127.0.0.1:${port}/connect`
  const address = multiaddr(`/ip4/127.0.0.1/tcp/${port}/http/http-path/connect`)
  const components = { clock, random: systemRandom, log: defaultLogger().forComponent('test') }
  const connection = await connectTo(components, { address, target: { url, mode } })
  const bytes: number[] = []
  connection.addEventListener('message', ({ data }) => bytes.push(...data.subarray()))
  return { connection, bytes, closed: closeOf(connection) }
}

function closeOf(connection: ConnectConnection): Promise<unknown> {
  return new Promise((resolve) => {
    connection.addEventListener('close', ({ error }) => {
      resolve(error)
    })
  })
}

/** Time goes by in steps, while sockets do what they do, until this is so. */
async function passes(clock: ManualClock, isSo: () => boolean): Promise<void> {
  await expect
    .poll(() => {
      if (!isSo()) clock.advance(1_000)
      return isSo()
    })
    .toBe(true)
}

describe.each(CONNECT_MODES)('%s', (mode) => {
  test('a relay that takes requests and says nothing is asked again, and then given up', async () => {
    const clock = new ManualClock()
    const { port, asked } = await relayThat(mode, [[IDLE, dataOf(0, 7)]])
    const { connection, bytes, closed } = await dial(clock, port, mode)
    await passes(clock, () => connection.status !== 'open')
    expect(await closed).toMatchObject({ name: 'NoAnswerError' })
    expect(bytes).toEqual([7])
    // From where it was, each time.
    expect(asked.length).toBeGreaterThan(2)
    expect(asked.slice(1)).toEqual(asked.slice(1).map(() => 1))
    await expect.poll(() => clock.pending).toBe(0)
  })

  test('a relay that speaks again is heard from where it stopped', async () => {
    const clock = new ManualClock()
    const { port, asked } = await relayThat(mode, [
      [IDLE, dataOf(0, 7)],
      null,
      [dataOf(0, 7), dataOf(1, 8)],
      [dataOf(2, 9)],
    ])
    const { connection, bytes } = await dial(clock, port, mode)
    // From then on no time goes by: what takes a moment here would be late there.
    await passes(clock, () => asked.length >= 3)
    await expect.poll(() => bytes).toEqual([7, 8, 9])
    connection.abort(new Error('enough'))
  })
})

describe.each(['binary', 'sse'] as const)('%s', (mode) => {
  test.each([
    { begins: 'be refused', answer: 'refused' as const },
    { begins: 'be held back', answer: null },
  ])('a way down that begins to $begins is left while requests go up', async ({ answer }) => {
    const { port } = await relayThat(mode, [[IDLE], answer, answer, answer, answer])
    const { closed } = await dial(systemClock, port, mode)
    expect(await closed).toMatchObject({
      message: 'what goes up arrives, and nothing comes down',
    })
  })
})
