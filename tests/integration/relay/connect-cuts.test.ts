import { once } from 'node:events'
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net'
import { createServer } from 'node:http'
import { defaultLogger } from '@libp2p/logger'
import { multiaddr } from '@multiformats/multiaddr'
import Fastify from 'fastify'
import fc from 'fast-check'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { CONNECT_MODES, type ConnectMode } from '#lib/protocol/connect/connect.ts'
import { systemClock, systemRandom } from '#lib/protocol/seams.ts'
import { Admission } from '#relay/admission.ts'
import { connectRoutes } from '#relay/connect/routes.ts'
import type { ConnectSession } from '#relay/connect/session.ts'
import { ConnectSessions } from '#relay/connect/sessions.ts'
import { connectSockets } from '#relay/connect/sockets.ts'
import { COSTLY_LIMITS } from '#relay/limits.ts'
import { remoteBehind } from '#relay/remote.ts'
import { UpgradeRoutes } from '#relay/upgrade-routes.ts'
import { connectTo } from '../../../src/lib/p2p/connect/dial.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { CountingRefusals } from '../../unit/relay/counting-refusals.ts'

/** The relay's side of /connect with nothing behind it but what sends all back; resolves with its port. */
async function echo(): Promise<number> {
  const refusals = new CountingRefusals()
  const clock = systemClock
  const remoteOf = remoteBehind([])
  const limits = { maxConnections: 1_000, maxConnectionsPerAddress: 1_000 }
  const admission = new Admission({ refusals, clock }, limits)
  const parts = { clock, random: systemRandom, refusals, admission, costly: COSTLY_LIMITS }
  const sessions = new ConnectSessions(parts)
  sessions.serve({ logger: defaultLogger(), take: sendBack })
  const server = createServer()
  const app = Fastify({ serverFactory: (handler) => server.on('request', handler) })
  const log = { debug: ignore, info: ignore, warn: ignore, error: ignore }
  connectRoutes({ sessions, clock, log, refusals, remoteOf })(app)
  await app.ready()
  const upgrades = new UpgradeRoutes({ server, refusals, remoteOf })
  connectSockets({ clock, refusals, upgrades, sessions })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function ignore(): void {
  return
}

function sendBack(session: ConnectSession): void {
  session.addEventListener('message', ({ data }) => {
    if (!session.send(data)) session.pause()
  })
  session.addEventListener('drain', () => {
    if (session.readStatus === 'paused') session.resume()
  })
}

/** A way whose sockets break after as many bytes as this says, whichever way they go; resolves with its port. */
async function breakingWay(port: number, nextBreak: () => number): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((near) => {
    const far = connect(port, '127.0.0.1')
    let left = nextBreak()
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (bytes) => {
        to.write(bytes.subarray(0, Math.max(0, left)))
        left -= bytes.byteLength
        // What was written before goes its way, and no more.
        if (left <= 0) to.destroySoon()
      })
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroySoon()
      })
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** No waits between attempts. */
const random = { ...systemRandom, fraction: () => 0 }

/** What comes back when these go, in one mode, over sockets that break after so many bytes; then over whole ones. */
async function carried(mode: ConnectMode, sent: Uint8Array, breaks: number[]): Promise<Buffer> {
  let open = false
  const left = [...breaks]
  const way = await breakingWay(port, () =>
    open ? (left.shift() ?? Infinity) : left.shift()! + 2_000,
  )
  const url = `http://127.0.0.1:${way}/connect`
  const connection = await connectTo(
    { clock: systemClock, random, log: defaultLogger().forComponent('test') },
    {
      address: multiaddr(`/ip4/127.0.0.1/tcp/${way}/http/http-path/connect`),
      target: { url, mode },
    },
  )
  open = true
  const chunks: Uint8Array[] = []
  let missing = sent.byteLength
  const all = Promise.withResolvers<undefined>()
  connection.addEventListener('message', ({ data }) => {
    chunks.push(data.subarray())
    missing -= data.byteLength
    if (missing <= 0) all.resolve(undefined)
  })
  connection.addEventListener('close', ({ error }) => {
    all.reject(error ?? new Error('it ended'))
  })
  connection.send(sent)
  await all.promise
  await connection.close()
  return Buffer.concat(chunks)
}

let port: number

beforeAll(async () => {
  port = await echo()
})

test.for(CONNECT_MODES)(
  '%s: sockets break anywhere, and each byte comes once and in order',
  async (mode) => {
    const breaks = fc.array(fc.integer({ min: 1, max: 60_000 }), { minLength: 6, maxLength: 16 })
    await fc.assert(
      fc.asyncProperty(
        fc.integer(),
        fc.integer({ min: 1, max: 400_000 }),
        breaks,
        async (seed, bytes, at) => {
          const sent = seededRandom(seed).bytes(bytes)
          expect((await carried(mode, sent, at)).equals(sent)).toBe(true)
        },
      ),
      { numRuns: 8 },
    )
  },
)
