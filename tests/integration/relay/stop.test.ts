import { noise } from '@chainsafe/libp2p-noise'
import { webRTCDirect } from '@libp2p/webrtc'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p, type Libp2p } from 'libp2p'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import type { Relay } from '#relay/relay.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { dataFolder, startRelay, webSocketOf } from './harness.ts'
import { eventually } from '../../fixtures/eventually.ts'

/** How long a WebRTC-direct certificate is used: made for 14 days, renewed on the last. */
const CERTIFICATE_USE_MS = 13 * 24 * 60 * 60_000

afterEach(() => {
  vi.useRealTimers()
})

function directAddressOf(relay: Relay): string {
  const address = relay.addresses().find((text) => text.includes('/certhash/'))
  if (address === undefined) throw new Error('the relay has no WebRTC address')
  return address
}

/** A client that speaks WebRTC-direct only. */
async function directClient(): Promise<Libp2p> {
  const client = await createLibp2p({
    transports: [webRTCDirect()],
    connectionEncrypters: [noise()],
    connectionGater: { denyDialMultiaddr: () => false },
  })
  onTestFinished(() => client.stop())
  return client
}

test('a stopped relay leaves no timer, and its data to the next', async () => {
  const clock = new ManualClock()
  const data = await dataFolder()
  const relay = await startRelay(['--webrtc'], { clock, data })
  await relay.stop()
  expect(clock.pending).toBe(0)
  const next = await startRelay([], { data })
  expect(next.peerId).toBe(relay.peerId)
})

test('a relay with WebRTC connections stops', async () => {
  const relay = await startRelay(['--webrtc'])
  const client = await directClient()
  await client.dial(multiaddr(directAddressOf(relay)))
  await relay.stop()
  await eventually(() => {
    expect(client.getConnections()).toEqual([])
  })
})

test('where no UDP gets through, a relay names no address for it', async () => {
  const relay = await startRelay(['--no-webrtc'])
  expect(relay.addresses().filter((address) => address.includes('/udp/'))).toEqual([])
  expect(relay.addresses()).toContain(webSocketOf(relay).toString())
})

test('a certificate of WebRTC-direct that is about to expire is made anew; the relay stays the same', async () => {
  const data = await dataFolder()
  const before = await startRelay(['--webrtc'], { data })
  const certificate = /certhash\/[^/]+/.exec(directAddressOf(before))?.[0]
  await before.stop()
  // Only the date: nothing here waits for a timer.
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + CERTIFICATE_USE_MS })
  const after = await startRelay(['--webrtc'], { data })
  expect(after.peerId).toBe(before.peerId)
  expect(directAddressOf(after)).not.toContain(certificate)
  const client = await directClient()
  await client.dial(multiaddr(directAddressOf(after)))
})
