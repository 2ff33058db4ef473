import { expect, test } from 'vitest'
import { MAX_NETWORKS, MAX_WAYS, Networks } from '../../../../src/lib/p2p/ways/networks.ts'
import { DexieNetworkStore, type NetworkStore } from '../../../../src/lib/p2p/ways/store.ts'
import type { RelayWay } from '../../../../src/lib/p2p/ways/tally.ts'
import { settled } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { memoryDatabase } from '../../../fixtures/memory-database.ts'
import { silent } from '../fake-network.ts'

const RELAY = 'relay.example'
const HASH_ADDRESS = '/ip4/127.0.0.1/udp/1/quic-v1/webtransport'

function device(store: NetworkStore = new DexieNetworkStore(memoryDatabase())) {
  const clock = new ManualClock()
  const start = async (): Promise<Networks> => {
    const networks = new Networks({ store, clock, log: silent })
    await networks.open()
    return networks
  }
  return { store, clock, start }
}

const failed = (way: RelayWay, relay = RELAY) => ({
  relay,
  way,
  outcome: { through: false } as const,
})

test('what a network let through is known there at the next start, and not on another', async () => {
  const { start, clock } = device()
  const before = await start()
  before.on('home')
  before.count(failed('websocket'))
  await settled()
  clock.advance(1)
  const next = await start()
  // Taken for the one of last time until a relay tells.
  expect(next.of(RELAY, 'websocket')).toMatchObject({ tries: 1, through: 0 })
  next.on('work')
  expect(next.of(RELAY, 'websocket')).toBeUndefined()
  next.moved()
  next.on('home')
  expect(next.of(RELAY, 'websocket')).toMatchObject({ tries: 1, through: 0 })
})

test('what was tried before the network was known belongs to it', async () => {
  const { start, store } = device()
  const networks = await start()
  networks.count(failed('websocket'))
  expect(await store.all()).toEqual([])
  networks.on('home')
  await settled()
  expect(await store.all()).toMatchObject([{ id: 'home', ways: [{ way: 'websocket', tries: 1 }] }])
})

test('the first relay that tells counts: others may see another address of the same network', async () => {
  const networks = await device().start()
  networks.on('v4')
  networks.count(failed('http'))
  networks.on('v6')
  expect(networks.of(RELAY, 'http')).toBeDefined()
})

test('where a relay has WebTransport is known on other networks, too', async () => {
  const networks = await device().start()
  networks.on('home')
  networks.announce(RELAY, [HASH_ADDRESS])
  networks.moved()
  networks.on('work')
  expect(networks.announced(RELAY)).toEqual([HASH_ADDRESS])
  networks.count(failed('webtransport'))
  expect(networks.announced(RELAY)).toEqual([HASH_ADDRESS])
  networks.announce(RELAY, [])
  expect(networks.announced(RELAY)).toEqual([])
})

test('so many networks and ways are remembered, the newest', async () => {
  const { start, store, clock } = device()
  const networks = await start()
  for (let at = 0; at <= MAX_NETWORKS; at += 1) {
    clock.advance(1)
    networks.moved()
    networks.on(`network ${at}`)
  }
  await settled()
  const ids = (await store.all()).map(({ id }) => id)
  expect(ids).toHaveLength(MAX_NETWORKS)
  expect(ids).not.toContain('network 0')
  for (let at = 0; at <= MAX_WAYS; at += 1) networks.count(failed('http', `relay ${at}`))
  expect(networks.of('relay 0', 'http')).toBeUndefined()
  expect(networks.of(`relay ${MAX_WAYS}`, 'http')).toBeDefined()
})

test('where nothing can be kept it holds as long as the node runs', async () => {
  const full = (): Promise<never> => Promise.reject(new Error('full'))
  const networks = await device({ all: () => Promise.resolve([]), put: full, delete: full }).start()
  networks.on('home')
  networks.count(failed('websocket'))
  await settled()
  expect(networks.of(RELAY, 'websocket')).toBeDefined()
})

test('what was measured is known at the next start, of ways that came through there', async () => {
  const { start, store } = device()
  const networks = await start()
  networks.count(failed('websocket'))
  networks.measure(RELAY, 'websocket', { isLate: true })
  networks.on('home')
  networks.measure(RELAY, 'websocket', { bytesPerSecond: 70_000 })
  networks.measure(RELAY, 'http', { bytesPerSecond: 70_000 })
  await settled()
  const [row] = await store.all()
  expect(row?.ways).toMatchObject([{ way: 'websocket', carried: { bytesPerSecond: 70_000 } }])
  expect(row?.ways[0]).not.toHaveProperty('pings')
  expect((await start()).of(RELAY, 'websocket')?.carried?.bytesPerSecond).toBe(70_000)
})
