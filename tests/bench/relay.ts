import { readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Inspector } from '../support/inspector.ts'
import { Relay } from '../support/relay.ts'
import { Crowd, requireFiles } from './crowd.ts'

/** The first ones load code and fill pools. */
const FIRST = 20

/**
 * Bytes of resident memory a relay keeps for each idle connection: the growth by many, divided, once the garbage
 * their handshakes left is gone.
 * @throws Error when the relay does not hold all of them at the end, or this machine lets no process have as many sockets
 */
export async function idleConnectionBytes(connections: number): Promise<number> {
  await requireFiles(FIRST + connections)
  await using relay = await Relay.start(
    ...['--max-connections', String(2 * (FIRST + connections))],
    ...['--trust-proxy', '127.0.0.1'],
  )
  const inspector = await relay.inspect()
  await using crowd = Crowd.at(relay)
  await crowd.grow(FIRST)
  const before = await residentBytes(relay, inspector)
  await crowd.grow(connections)
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
