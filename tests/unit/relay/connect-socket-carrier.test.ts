import { expect, test } from 'vitest'
import { IDLE_MS, MAX_QUEUE_BYTES } from '#lib/protocol/connect/connect.ts'
import { decodeFrames, type Frame, MAX_BATCH_BYTES } from '#lib/protocol/connect/frames.ts'
import { SendQueue } from '#lib/protocol/connect/queues.ts'
import type { ConnectSession } from '#relay/connect/session.ts'
import { SocketCarrier } from '#relay/connect/socket-carrier.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { FakeSocket } from './fake-socket.ts'

function parts() {
  const clock = new ManualClock()
  const queue = new SendQueue()
  const socket = new FakeSocket()
  const session = {
    from: (number: number, maxBytes: number) => queue.from(number, maxBytes),
    detach: () => undefined,
  } as unknown as ConnectSession
  const carrier = new SocketCarrier({ clock, session, socket: socket.socket }, 0)
  const frames = (): Frame[] => socket.sent.flatMap((message) => decodeFrames(message))
  const types = (): string[] => frames().map(({ type }) => type)
  return { clock, queue, socket, carrier, frames, types }
}

test('a WebSocket says at once that it goes on, and every 15 s when it has nothing else', () => {
  const { clock, socket, types } = parts()
  expect(types()).toEqual(['idle'])
  clock.advance(IDLE_MS)
  expect(types()).toEqual(['idle', 'idle'])
  socket.terminate()
  expect(clock.pending).toBe(0)
})

test('whoever reads no acknowledgement has one waiting, however much they send, and then hears of the newest', () => {
  const { socket, carrier, frames } = parts()
  const acknowledged = (): number[] =>
    frames().flatMap(({ type, number }) => (type === 'ack' ? [number] : []))
  socket.take()
  for (let received = 1; received <= 1_000; received += 1) carrier.received(received)
  expect(acknowledged()).toEqual([1])
  socket.take()
  expect(acknowledged()).toEqual([1, 1_000])
  socket.take()
  carrier.received(1_001)
  expect(acknowledged()).toEqual([1, 1_000, 1_001])
})

test.for(['end', 'close'] as const)(
  'who does not read loses the WebSocket at its %s, and with it what waits there',
  (how) => {
    const { queue, socket, carrier } = parts()
    socket.take()
    queue.push(new Uint8Array(MAX_QUEUE_BYTES / 2))
    carrier.wake()
    expect(socket.bufferedAmount).toBeGreaterThan(MAX_BATCH_BYTES)
    carrier[how]()
    expect(socket.ended).toBe(1_006)
  },
)

test('who reads is told that the session is over', () => {
  const { socket, carrier, types } = parts()
  carrier.end()
  expect(types()).toEqual(['idle', 'reset'])
  expect(socket.ended).toBe(1_005)
})
