import type { Stream } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { circuitClient, openCircuit } from './circuits.ts'
import { startRelay } from './harness.ts'

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
