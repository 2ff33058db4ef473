import { expect, onTestFinished, test } from 'vitest'
import { systemClock } from '#lib/protocol/seams.ts'
import { readConfig } from '#relay/config.ts'
import { relayForOthers } from '../../../peer-node/src/relay-for-others.ts'
import { TestRouter } from '../../fixtures/test-router.ts'
import { dataFolder, startRelay } from './harness.ts'

test('a relay announces where its router lets others in, first of all, and takes that back', async () => {
  const router = await TestRouter.start()
  const relay = await startRelay(['--map-ports'], { places: () => Promise.resolve(router.upnp) })
  expect([...router.table.keys()]).toEqual([`tcp ${relay.port}`])
  expect(relay.mappedAddress()).toBe(`http://45.67.89.10:${relay.port}`)
  const mapped = `/ip4/45.67.89.10/tcp/${relay.port}`
  expect(relay.addresses()[0]).toBe(`${mapped}/ws/p2p/${relay.peerId}`)
  const answer = await fetch(`${relay.address.replace('localhost', '127.0.0.1')}/api/bootstrap`)
  expect(((await answer.json()) as { addresses: string[] }).addresses).toEqual(relay.addresses())
  await relay.stop()
  expect(router.table.size).toBe(0)
})

test('the port that the router gave instead is the one that is announced', async () => {
  const router = await TestRouter.start({ externalPort: 40_001 })
  const relay = await startRelay(['--map-ports'], { places: () => Promise.resolve(router.natPmp) })
  expect(relay.mappedAddress()).toBe('http://45.67.89.10:40001')
  expect(relay.addresses()[0]).toContain('/ip4/45.67.89.10/tcp/40001/')
})

test('behind another router, or none, a relay serves its own network all the same', async () => {
  const router = await TestRouter.start({ externalAddress: '192.168.178.20' })
  const relay = await startRelay(['--map-ports'], { places: () => Promise.resolve(router.natPmp) })
  expect(relay.mappedAddress()).toBeNull()
  expect(relay.addresses().join()).not.toContain('192.168.178.20')
  expect((await fetch(`http://127.0.0.1:${relay.port}/api/bootstrap`)).status).toBe(200)
})

test('no router is asked unless the operator says so', async () => {
  let looked = false
  await startRelay([], {
    places: () => {
      looked = true
      return Promise.reject(new Error('not to be looked at'))
    },
  })
  expect(looked).toBe(false)
})

test('a peer that relays for others tells friends the address outside', async () => {
  const router = await TestRouter.start({ externalPort: 40_002 })
  const flags = ['--port', '0', '--host', '127.0.0.1', '--no-mdns', '--no-webrtc', '--map-ports']
  const config = readConfig([...flags, '--data', await dataFolder()], {})
  if (config === 'help') throw new Error('no flags for help here')
  const silent = { debug: ignore, info: ignore, warn: ignore, error: ignore }
  const relay = await relayForOthers(config, {
    clock: systemClock,
    loggers: () => silent,
    places: () => Promise.resolve(router.natPmp),
  })
  onTestFinished(() => relay.stop())
  expect(relay.address).toBe('http://45.67.89.10:40002')
})

function ignore(): void {
  return
}
