/**
 * A bad line between two devices of this machine: packets go to the other end later, and not all of them. Not every kernel
 * can do that to them itself.
 *
 *     node tests/nat/line-program.ts HERE DEVICE HERE DEVICE
 *
 * For each end two UDP ports of 127.0.0.1: where packets come from, to be taken here, and where those for it go. Prints a line
 * once it is ready.
 */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'

/** One way: 100 ms there and back. */
const DELAY_MS = 50

/** Share of packets that are lost. */
const LOSS = 0.02

const BITS_PER_MS = 5_000

/** Packets that would wait longer for the line are dropped: as much as a home router keeps. */
const QUEUE_MS = 250

/** One direction: packets leave it in their order. */
class Direction {
  readonly #send: (packet: Buffer) => void
  readonly #packets: { packet: Buffer; atMs: number }[] = []
  /** When the line has taken all that came. */
  #freeAtMs = 0
  #isDelivering = false

  constructor(send: (packet: Buffer) => void) {
    this.#send = send
  }

  take(packet: Buffer): void {
    const nowMs = performance.now()
    const beginsMs = Math.max(nowMs, this.#freeAtMs)
    if (Math.random() < LOSS || beginsMs - nowMs > QUEUE_MS) return
    this.#freeAtMs = beginsMs + (packet.byteLength * 8) / BITS_PER_MS
    this.#packets.push({ packet, atMs: this.#freeAtMs + DELAY_MS })
    if (!this.#isDelivering) void this.#deliver()
  }

  async #deliver(): Promise<void> {
    this.#isDelivering = true
    for (let next = this.#packets.shift(); next !== undefined; next = this.#packets.shift()) {
      const leftMs = next.atMs - performance.now()
      if (leftMs > 0) await delay(leftMs)
      this.#send(next.packet)
    }
    this.#isDelivering = false
  }
}

async function opened(port: number): Promise<Socket> {
  const socket = createSocket('udp4')
  socket.bind(port, '127.0.0.1')
  await once(socket, 'listening')
  return socket
}

const [oneHere, one, otherHere, other] = process.argv.slice(2).map(Number) as [
  ...[number, number],
  ...[number, number],
]
const ends = [
  { socket: await opened(oneHere), device: one },
  { socket: await opened(otherHere), device: other },
] as const
for (const [from, to] of [ends, ends.toReversed()] as const) {
  const direction = new Direction((packet) => {
    to.socket.send(packet, to.device, '127.0.0.1')
  })
  from.socket.on('message', (packet) => {
    direction.take(packet)
  })
}
console.log('ready')
