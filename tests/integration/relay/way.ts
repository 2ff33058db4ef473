import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'
import type { Relay } from '#relay/relay.ts'

/** A way to the relay whose far end can stop reading, as a phone without a network does. */
export interface Way {
  port: number
  /** Nothing the relay sends is taken any more, by sockets opened later neither. */
  stopReading: () => void
  readAgain: () => void
}

export async function wayTo(relay: Relay): Promise<Way> {
  const sockets = new Set<Socket>()
  let reads = true
  const server = createServer((near) => {
    const far = connect(relay.port, '127.0.0.1')
    sockets.add(far)
    far.once('close', () => sockets.delete(far))
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (bytes) => to.write(bytes))
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
    }
    if (!reads) far.pause()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as AddressInfo).port,
    stopReading: () => {
      reads = false
      for (const socket of sockets) socket.pause()
    },
    readAgain: () => {
      reads = true
      for (const socket of sockets) socket.resume()
    },
  }
}
