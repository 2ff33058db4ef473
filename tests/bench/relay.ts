import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { webSockets } from '@libp2p/websockets'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Inspector } from '../support/inspector.ts'
import { Relay } from '../support/relay.ts'

/** From one connection to the next: a relay takes 32 new ones a second (docs/LIMITS.md). */
const PACE_MS = 50

/**
 * Bytes of resident memory a relay keeps for each idle connection: the growth by many, divided, once the garbage
 * their handshakes left is gone.
 * @throws Error when the relay does not hold all of them at the end
 */
export async function idleConnectionBytes(connections: number): Promise<number> {
  await using relay = await Relay.start(
    ...['--max-connections', String(connections * 2)],
    ...['--max-connections-per-address', String(connections * 2)],
  )
  const inspector = await relay.inspect()
  await using stack = new AsyncDisposableStack()
  const address = multiaddr(`/dns4/localhost/tcp/${relay.port}/ws`)
  const connect = async (): Promise<void> => {
    const client = await createLibp2p({
      transports: [webSockets()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionGater: { denyDialMultiaddr: () => false },
      // Idle is without its pings, which from one process for thousands would measure that process.
      connectionMonitor: { enabled: false },
      services: { identify: identify() },
    })
    stack.defer(() => client.stop())
    await Promise.all([client.dial(address), delay(PACE_MS)])
  }
  // The first ones load code and fill pools.
  for (let warmUp = 0; warmUp < 5; warmUp++) await connect()
  const before = await residentBytes(relay, inspector)
  for (let connection = 0; connection < connections; connection++) await connect()
  const after = await residentBytes(relay, inspector)
  const held = await openConnections(relay)
  if (held < connections) throw new Error(`the relay holds ${held} of ${connections} connections`)
  return (after - before) / connections
}

async function openConnections({ origin }: Relay): Promise<number> {
  const metrics = await (await fetch(`${origin}/metrics`)).text()
  return Number(/^starling_relay_connections (\d+)/m.exec(metrics)?.[1])
}

/** Resident memory once it has come to rest: the smallest of some looks. */
async function residentBytes(relay: Relay, inspector: Inspector): Promise<number> {
  const looks: number[] = []
  for (let look = 0; look < 6; look++) {
    await delay(500)
    await inspector.heapBytes()
    const [, pages] = (await readFile(`/proc/${relay.pid}/statm`, 'utf8')).split(' ')
    looks.push(Number(pages) * 4096)
  }
  return Math.min(...looks)
}
