import { generateKeyPair, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import { expect, test } from 'vitest'
import { dhtPut, startRelay, stockClient, webSocketOf } from './harness.ts'

test('a js-libp2p client without code of ours dials, pings and reserves', async () => {
  const relay = await startRelay()
  const client = await stockClient({ listen: [`${webSocketOf(relay).toString()}/p2p-circuit`] })
  const connection = await client.dial(webSocketOf(relay))
  expect(connection.remotePeer.toString()).toBe(relay.peerId)
  expect(await client.services.ping.ping(connection.remotePeer)).toBeGreaterThanOrEqual(0)
  expect(client.getMultiaddrs().map(String)).toContain(
    `${webSocketOf(relay).toString()}/p2p-circuit/p2p/${client.peerId.toString()}`,
  )
})

test('two of them talk through the relay', async () => {
  const relay = await startRelay()
  const called = await stockClient({ listen: [`${webSocketOf(relay).toString()}/p2p-circuit`] })
  const caller = await stockClient()
  const [address] = called.getMultiaddrs()
  const connection = await caller.dial(address!)
  expect(connection.limits).toBeDefined()
  expect(connection.remotePeer.toString()).toBe(called.peerId.toString())
})

test('it puts a value into the DHT, and another gets it', async () => {
  const relay = await startRelay()
  const [ada, bob] = [await stockClient(), await stockClient()]
  await Promise.all([ada, bob].map((client) => client.dial(webSocketOf(relay))))
  const { publicKey } = await generateKeyPair('Ed25519')
  const key = new Uint8Array([...Buffer.from('/pk/'), ...publicKey.toMultihash().bytes])
  const value = publicKeyToProtobuf(publicKey)
  expect(await dhtPut(ada, key, value)).toBe(1)
  const found: Uint8Array[] = []
  for await (const event of bob.services.dht.get(key)) {
    if (event.name === 'VALUE') found.push(event.value)
  }
  expect(found.map((bytes) => Buffer.from(bytes))).toEqual([Buffer.from(value)])
})
