/**
 * Many clients of one relay that do nothing once they are connected. Started by `Crowd` (crowd.ts), which tells it the relay's
 * port and which of its processes it is, and then how many more are to connect; it says so once they have. It ends with the bench.
 */
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import { webSockets } from '@libp2p/websockets'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

/** Handshakes under way: one waits for the relay while another is computed. */
const AT_ONCE = 4

/** How long one may take: on a busy machine the relay stands still for seconds. */
const DIAL_TIMEOUT_MS = 60_000

const [port, which] = process.argv.slice(2)
const address = multiaddr(`/ip4/127.0.0.1/tcp/${port!}/ws`)
let sockets = 0

/** Node's own takes headers, too, which a browser's does not. */
const NodeWebSocket = WebSocket as unknown as new (
  url: string,
  init: { headers: Record<string, string> },
) => WebSocket

/** Each comes from an address of its own, as a proxy says it: a relay lets only some of one address in at once (docs/LIMITS.md). */
globalThis.WebSocket = class extends NodeWebSocket {
  constructor(url: string) {
    const socket = sockets++
    super(url, { headers: { 'X-Forwarded-For': `10.${which!}.${socket >> 8}.${socket & 255}` } })
  }
} as typeof WebSocket

process.on('disconnect', () => process.exit())
process.on('message', (count: number) => {
  void connectAll(count).then(() => process.send?.(count))
})

async function connectAll(count: number): Promise<void> {
  let left = count
  const some = async (): Promise<void> => {
    while (left-- > 0) await connect()
  }
  await Promise.all(Array.from({ length: AT_ONCE }, some))
}

async function connect(): Promise<void> {
  const client = await createLibp2p({
    transports: [webSockets()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionGater: { denyDialMultiaddr: () => false },
    // Idle is without its pings, which for thousands would measure this process.
    connectionMonitor: { enabled: false },
    connectionManager: { addressDialTimeout: DIAL_TIMEOUT_MS, dialTimeout: DIAL_TIMEOUT_MS },
    services: { identify: identify() },
  })
  await client.dial(address)
}
