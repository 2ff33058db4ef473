import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import { identify } from '@libp2p/identify'
import type { Libp2p, PrivateKey } from '@libp2p/interface'
import { kadDHT, type KadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { ping, type Ping } from '@libp2p/ping'
import { webSockets } from '@libp2p/websockets'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { onTestFinished } from 'vitest'
import type { Clock, Logger } from '#lib/protocol/seams.ts'
import { systemClock } from '#lib/protocol/seams.ts'
import { readConfig } from '#relay/config.ts'
import { COSTLY_LIMITS, type CostlyLimits } from '#relay/limits.ts'
import type { Refusal } from '#relay/refusals.ts'
import { createRelay, type Relay, type RelayComponents } from '#relay/relay.ts'

/** A data folder that is gone after the test. */
export async function dataFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'starling-relay-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/**
 * A relay in this process, stopped after the test. Without WebRTC-direct, unless `--webrtc` says so, and then no other
 * beside it: libjuice, the native library below, crashes when two of its listeners in one process end.
 */
export async function startRelay(
  flags: readonly string[] = [],
  {
    data,
    clock = systemClock,
    places,
    ...costly
  }: {
    data?: string
    clock?: Clock
    places?: RelayComponents['places']
  } & Partial<CostlyLimits> = {},
): Promise<Relay> {
  const config = readConfig(
    [
      ...['--port', '0', '--host', '127.0.0.1', '--data', data ?? (await dataFolder())],
      ...['--no-app', '--no-mdns', '--no-webrtc', ...flags],
    ],
    {},
  )
  if (config === 'help') throw new Error('no flags for help here')
  const relay = await createRelay(
    config,
    { clock, loggers: () => silent, ...(places === undefined ? {} : { places }) },
    {
      ...COSTLY_LIMITS,
      ...costly,
    },
  )
  onTestFinished(() => relay.stop())
  return relay
}

/** The relay's own WebSocket, as a client dials it. */
export function webSocketOf(relay: Relay): Multiaddr {
  const address = relay.addresses().find((text) => text.includes('/ws/'))
  if (address === undefined) throw new Error('the relay has no WebSocket address')
  return multiaddr(address)
}

/** How often the relay has refused this. */
export async function refused(relay: Relay, reason: Refusal): Promise<number> {
  const metric = await relay.registry.getSingleMetric('starling_relay_refused_total')?.get()
  return metric?.values.find(({ labels }) => labels['reason'] === reason)?.value ?? Number.NaN
}

export type TransportFactory = NonNullable<Libp2pOptions['transports']>[number]

export type StockClient = Libp2p<{ ping: Ping; dht: KadDHT }>

/** A js-libp2p client with no code of ours, but the transports a test gives; stopped after the test. */
export async function stockClient({
  listen = [],
  privateKey,
  circuits = true,
  transport = webSockets(),
  also = [],
}: {
  listen?: string[]
  privateKey?: PrivateKey
  circuits?: boolean
  transport?: TransportFactory
  /** Transports beside it. */
  also?: TransportFactory[]
} = {}): Promise<StockClient> {
  const client = await createLibp2p({
    ...(privateKey === undefined ? {} : { privateKey }),
    addresses: { listen },
    transports: [transport, ...also, ...(circuits ? [circuitRelayTransport()] : [])],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    // As an app waits: the last way that a transport tries comes late.
    connectionManager: { addressDialTimeout: 15_000 },
    // It would be at its own ping just when a test pings: one at a time is allowed.
    connectionMonitor: { enabled: false },
    services: {
      identify: identify(),
      // The DHT pings the relay it met, at times twice: just when a test does.
      ping: ping({ maxOutboundStreams: 4 }),
      dht: kadDHT({
        protocol: '/starling/kad/1.0.0',
        clientMode: true,
        peerInfoMapper: passthroughMapper,
      }),
    },
  })
  onTestFinished(() => client.stop())
  return client
}

/** Puts a value into the DHT; resolves with how many relays answered. */
export async function dhtPut(
  client: StockClient,
  key: Uint8Array,
  value: Uint8Array,
): Promise<number> {
  let answers = 0
  for await (const event of client.services.dht.put(key, value)) {
    if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') answers += 1
  }
  return answers
}

const silent: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore }

function ignore(): void {
  return
}
