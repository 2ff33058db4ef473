import type { Stream } from '@libp2p/interface'
import { RELAY_V2_HOP_CODEC, RELAY_V2_STOP_CODEC } from '@libp2p/circuit-relay-v2'
import { expect, test } from 'vitest'
import { MAX_CIRCUITS_PER_CONNECTION } from '#relay/limits.ts'
import { circuitClient, openCircuit } from './circuits.ts'
import { startRelay, stockClient, webSocketOf } from './harness.ts'

/** Resolves once this much has come. */
async function received(stream: Stream, bytes: number): Promise<void> {
  let count = 0
  await new Promise<void>((resolve) => {
    stream.addEventListener('message', ({ data }) => {
      count += data.byteLength
      if (count >= bytes) resolve()
    })
  })
  expect(count).toBe(bytes)
}

async function ended(stream: Stream): Promise<void> {
  if (stream.status !== 'open') return
  await new Promise((resolve) => {
    stream.addEventListener('close', resolve)
  })
}

/** Both ends of a circuit. */
async function circuit(limits: { circuitBytes?: bigint; circuitDurationMs?: number }) {
  const relay = await startRelay([], limits)
  const { promise: arrival, resolve: arrive } = Promise.withResolvers<Stream>()
  const called = await circuitClient(relay, arrive)
  const caller = await circuitClient(relay, () => undefined)
  const near = await openCircuit(caller, called, relay)
  return { near, far: await arrival }
}

test('a circuit carries as many bytes as allowed, both ways together, and not one more', async () => {
  const circuitBytes = 64n * 1_024n
  const { near, far } = await circuit({ circuitBytes })
  const there = received(far, 40 * 1_024)
  near.send(new Uint8Array(40 * 1_024))
  await there
  const back = received(near, 24 * 1_024)
  far.send(new Uint8Array(24 * 1_024))
  await back
  expect([near.status, far.status]).toEqual(['open', 'open'])
  near.send(Uint8Array.of(1))
  await Promise.all([ended(near), ended(far)])
})

test('a circuit ends when its time is over', async () => {
  const { near, far } = await circuit({ circuitDurationMs: 100 })
  await Promise.all([ended(near), ended(far)])
})

test('one connection opens as many circuits at once as allowed, and another when one has ended', async () => {
  const relay = await startRelay()
  // Two, because as many as that end at one connection, too.
  const called = [
    await circuitClient(relay, () => undefined),
    await circuitClient(relay, () => undefined),
  ]
  const caller = await circuitClient(relay, () => undefined)
  const circuits: Stream[] = []
  const open = (n: number): Promise<Stream> => openCircuit(caller, called[n % 2]!, relay)
  for (let n = 0; n < MAX_CIRCUITS_PER_CONNECTION; n += 1) circuits.push(await open(n))
  await expect(open(0)).rejects.toThrow(/reset|closed/)
  expect(circuits.filter(({ status }) => status === 'open')).toHaveLength(circuits.length)

  circuits[0]?.abort(new Error('no longer needed'))
  await expect.poll(() => open(0).then(({ status }) => status, String)).toBe('open')
})

test('a circuit whose other side does not answer in time is refused', async () => {
  // Long enough for a busy machine to get as far as asking the other side.
  const relay = await startRelay([], { circuitTimeoutMs: 5_000 })
  const called = await circuitClient(relay, () => undefined)
  await called.unhandle(RELAY_V2_STOP_CODEC)
  const asked = Promise.withResolvers<unknown>()
  await called.handle(RELAY_V2_STOP_CODEC, asked.resolve)
  const caller = await circuitClient(relay, () => undefined)
  await Promise.all([
    asked.promise,
    expect(openCircuit(caller, called, relay)).rejects.toThrow('refused'),
  ])
})

test('who opens the stream for a circuit and asks for none in time is reset', async () => {
  const relay = await startRelay([], { circuitTimeoutMs: 500 })
  const client = await stockClient()
  const stream = await client.dialProtocol(webSocketOf(relay), RELAY_V2_HOP_CODEC)
  await ended(stream)
  expect(stream.status).toBe('reset')
})
