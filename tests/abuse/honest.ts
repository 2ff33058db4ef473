import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { ping } from '@libp2p/ping'
import { webSockets } from '@libp2p/websockets'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { setTimeout as delay } from 'node:timers/promises'
import { CONNECT_TIMEOUT_MS } from '../../src/lib/p2p/relay-book/relay-dialer.ts'

/** As long as the app waits for a relay. */
const PATIENCE_MS = CONNECT_TIMEOUT_MS

/** From one try to the next. */
const PAUSE_MS = 100

export interface Fared {
  tries: number
  successes: number
}

/** Somebody with an address of their own asks for the relay's addresses, connects and pings, again and again until the signal. */
export async function honest(relay: { port: number }, over: AbortSignal): Promise<Fared> {
  const fared: Fared = { tries: 0, successes: 0 }
  while (!over.aborted) {
    fared.tries += 1
    if (await visit(relay.port)) fared.successes += 1
    await delay(PAUSE_MS)
  }
  return fared
}

async function visit(port: number): Promise<boolean> {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  const client = await createLibp2p({
    transports: [webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    services: { ping: ping() },
  })
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/api/bootstrap`, { signal })
    await answer.text()
    const address = multiaddr(`/ip4/127.0.0.1/tcp/${port}/ws`)
    await client.services.ping.ping(address, { signal })
    return answer.ok
  } catch {
    return false
  } finally {
    await client.stop()
  }
}
