import type { Stream } from '@libp2p/interface'
import { streamPair } from '@libp2p/utils'
import { expect, test } from 'vitest'
import { encodeCredit, encodeFrame } from '../../../src/lib/p2p/channels/frames.ts'
import { StreamChannel, WINDOW_BYTES } from '../../../src/lib/p2p/channels/stream-channel.ts'
import { SMALLER } from './fake-network.ts'

const MAX = 64 * 1024

function channel(stream: Stream): StreamChannel {
  return new StreamChannel(stream, { peer: SMALLER, path: 'direct', maxFrameBytes: MAX })
}

async function pair(): Promise<[StreamChannel, StreamChannel]> {
  const [here, there] = await streamPair()
  const ends: [StreamChannel, StreamChannel] = [channel(here), channel(there)]
  for (const end of ends) end.open()
  await Promise.all(ends.map(({ ready }) => ready))
  return ends
}

function closing({ closed }: StreamChannel): Promise<unknown> {
  return new Promise((resolve) => {
    if (closed.aborted) resolve(undefined)
    closed.addEventListener('abort', resolve)
  })
}

test('frames arrive in order, the empty one and the longest too', async () => {
  const [a, b] = await pair()
  const lengths = [0, 1, MAX, 2]
  for (const length of lengths) void a.send(new Uint8Array(length))
  const received: number[] = []
  for await (const frame of b.frames()) {
    if (received.push(frame.byteLength) === lengths.length) break
  }
  expect(received).toEqual(lengths)
})

test('a frame over the limit is refused before anything is sent', async () => {
  const [a] = await pair()
  await expect(a.send(new Uint8Array(MAX + 1))).rejects.toThrow(
    expect.objectContaining({ name: 'LimitExceededError' }),
  )
  expect(a.closed.aborted).toBe(false)
})

test('a reader that does not read holds the sender back at the window', async () => {
  const [a, b] = await pair()
  let sent = 0
  const frames = (2 * WINDOW_BYTES) / MAX
  const sending = (async () => {
    for (let i = 0; i < frames; i += 1) {
      await a.send(new Uint8Array(MAX))
      sent += MAX
    }
  })()
  const reader = b.frames()[Symbol.asyncIterator]()
  await reader.next()
  expect(sent).toBeLessThanOrEqual(WINDOW_BYTES)
  for (let i = 1; i < frames; i += 1) await reader.next()
  await sending
  expect(sent).toBe(2 * WINDOW_BYTES)
})

test('a peer that sends beyond its credit is cut off', async () => {
  const [here, there] = await streamPair()
  const end = channel(there)
  here.send(encodeFrame(new Uint8Array(1)))
  await closing(end)
  expect(end.failure?.name).toBe('ChannelProtocolError')
})

test('a peer that gives boundless credit is cut off', async () => {
  const [here, there] = await streamPair()
  const end = channel(there)
  here.send(encodeCredit(2 ** 28 - 1))
  await closing(end)
  expect(end.failure?.name).toBe('ChannelProtocolError')
})

test('closing ends the reader, rejects what waits, and is seen by the other side', async () => {
  const [a, b] = await pair()
  const sends = Array.from({ length: 40 }, () => a.send(new Uint8Array(MAX)))
  const outcomes = Promise.allSettled(sends)
  const reading = (async () => {
    for await (const frame of a.frames()) expect(frame).toBeDefined()
  })()
  a.close()
  await reading
  await closing(b)
  const rejected = (await outcomes).filter((outcome) => outcome.status === 'rejected')
  expect(rejected.length).toBeGreaterThan(0)
  for (const { reason } of rejected) {
    expect(reason).toMatchObject({ name: 'ChannelClosedError' })
  }
})
