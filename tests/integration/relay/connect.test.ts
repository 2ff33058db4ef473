import { createHash } from 'node:crypto'
import type { Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { describe, expect, test } from 'vitest'
import { connectSuffix } from '#lib/protocol/connect/addresses.ts'
import { CONNECT_MODES, type ConnectMode } from '#lib/protocol/connect/connect.ts'
import { NEARBY } from '#lib/protocol/nearby.ts'
import { systemClock, systemRandom } from '#lib/protocol/seams.ts'
import type { Relay } from '#relay/relay.ts'
import { connectTransport } from '../../../src/lib/p2p/connect/transport.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { Middlebox } from '../../support/middlebox.ts'
import { circuitClient, openCircuit } from './circuits.ts'
import { startRelay, stockClient, type StockClient } from './harness.ts'

/** A client whose only way to a relay is plain HTTP. */
function httpClient(): Promise<StockClient> {
  return stockClient({ transport: connectTransport({ clock: systemClock, random: systemRandom }) })
}

/** The relay's /connect in this mode, at this port. */
function connectOf(relay: Relay, mode: ConnectMode | null = null, port = relay.port): Multiaddr {
  return multiaddr(`/ip4/127.0.0.1/tcp/${port}${connectSuffix(false, mode)}/p2p/${relay.peerId}`)
}

/** More than every queue and window on the way. */
const BYTES = seededRandom(1).bytes(3 * 1_024 * 1_024)
const HASH = hashOf(BYTES)

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Hash of what arrives when `BYTES` go up to the relay and down again, through a circuit of two clients. */
async function carried(relay: Relay, address: Multiaddr): Promise<string> {
  const came = Promise.withResolvers<string>()
  const transport = connectTransport({ clock: systemClock, random: systemRandom })
  const chunks: Uint8Array[] = []
  let left = BYTES.byteLength
  const called = await circuitClient(
    relay,
    (stream) => {
      stream.addEventListener('message', ({ data }) => {
        chunks.push(data.subarray())
        left -= data.byteLength
        if (left <= 0) came.resolve(hashOf(Buffer.concat(chunks)))
      })
      stream.addEventListener('close', ({ error }) => {
        came.reject(error ?? new Error('the circuit ended'))
      })
    },
    { address, transport },
  )
  const caller = await circuitClient(relay, () => undefined, { address, transport })
  const circuit = await openCircuit(caller, called, relay)
  for (let at = 0; at < BYTES.byteLength; at += CHUNK_BYTES) {
    const drained = once(circuit)
    if (!circuit.send(BYTES.subarray(at, at + CHUNK_BYTES))) await drained
  }
  return await came.promise
}

/** Peers that the relay tells are nearby. */
async function nearby(client: StockClient): Promise<string[]> {
  const [connection] = client.getConnections()
  const stream = await connection!.newStream(NEARBY.protocol)
  const frames = lpStream(stream)
  await frames.write(NEARBY.request.encode({ type: 'show', card: Uint8Array.of(1) }))
  const answer = NEARBY.response.decode((await frames.read()).subarray())
  await stream.close()
  return answer.type === 'people' ? answer.people.map(({ peer }) => peer) : []
}

const CHUNK_BYTES = 64 * 1_024

function once(stream: Stream): Promise<unknown> {
  return new Promise((resolve) => {
    stream.addEventListener('drain', resolve, { once: true })
  })
}

async function gauge(relay: Relay, name: string): Promise<number> {
  const metric = await relay.registry.getSingleMetric(`starling_relay_${name}`)?.get()
  return metric?.values[0]?.value ?? Number.NaN
}

describe.each(CONNECT_MODES)('%s', (mode) => {
  test('a relay is dialled, proves who it is, and is pinged', async () => {
    const relay = await startRelay()
    const client = await httpClient()
    const connection = await client.dial(connectOf(relay, mode))
    expect(connection.remotePeer.toString()).toBe(relay.peerId)
    expect(connection.remoteAddr.toString()).toBe(connectOf(relay, mode).toString())
    expect(await client.services.ping.ping(connection.remotePeer)).toBeGreaterThanOrEqual(0)
  })

  test('megabytes through a circuit arrive as they were sent', async () => {
    const relay = await startRelay()
    const address = connectOf(relay, mode)
    expect(await carried(relay, address)).toBe(HASH)
  })

  test('who has gone to another network by the same session is near who is there', async () => {
    const relay = await startRelay(['--trust-proxy', 'loopback'])
    const [home, cafe] = [
      { webSockets: true, clientsAt: '192.0.2.1' },
      { webSockets: true, clientsAt: '192.0.2.2' },
    ]
    await using moving = await Middlebox.before(relay, home)
    await using there = await Middlebox.before(relay, cafe)
    const [client, other] = [await httpClient(), await httpClient()]
    await client.dial(connectOf(relay, mode, moving.port))
    await other.dial(connectOf(relay, mode, there.port))
    expect(await nearby(other)).toEqual([])
    expect(await nearby(client)).toEqual([])
    moving.become(cafe)
    expect(await nearby(client)).toEqual([other.peerId.toString()])
    expect(await gauge(relay, 'connect_sessions')).toBe(2)
  })

  test('a connection that ends is gone on both sides', async () => {
    const relay = await startRelay()
    const client = await httpClient()
    const connection = await client.dial(connectOf(relay, mode))
    await expect.poll(() => gauge(relay, 'connect_sessions')).toBe(1)
    await connection.close()
    await expect.poll(() => gauge(relay, 'connect_sessions')).toBe(0)
    const other = await client.dial(connectOf(relay, mode))
    await relay.stop()
    await expect.poll(() => other.status).not.toBe('open')
  })
})

describe.each(['binary', 'sse', 'longpoll'] as const)('%s through a box that cuts', (mode) => {
  test('requests and answers anywhere, and no byte is lost or doubled', async () => {
    const relay = await startRelay()
    await using proxy = await Middlebox.before(relay, { cutsOneOf: 6 })
    expect(await carried(relay, connectOf(relay, mode, proxy.port))).toBe(HASH)
    expect(proxy.cuts).toBeGreaterThan(3)
  })
})

test('where answers are held until they are complete, long polling is found and works', async () => {
  const relay = await startRelay()
  await using proxy = await Middlebox.before(relay, { buffers: true, cutsOneOf: 12 })
  const client = await httpClient()
  const connection = await client.dial(connectOf(relay, null, proxy.port))
  expect(connection.remoteAddr.toString()).toContain('connect%2Flongpoll')
  expect(await carried(relay, connectOf(relay, 'longpoll', proxy.port))).toBe(HASH)
})

test('answers that are held are waited for once: no other mode that streams is tried', async () => {
  const relay = await startRelay()
  await using proxy = await Middlebox.before(relay, { buffers: true })
  const client = await httpClient()
  await client.dial(connectOf(relay, null, proxy.port))
  expect(proxy.modes()).toEqual(['binary', 'longpoll'])
})

test('without a mode, the first that works is used, and the address says which', async () => {
  const relay = await startRelay()
  const client = await httpClient()
  const { remoteAddr } = await client.dial(connectOf(relay))
  expect(remoteAddr.toString()).toBe(connectOf(relay, 'binary').toString())
})
