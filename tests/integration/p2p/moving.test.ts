import { expect, test } from 'vitest'
import { sha256 } from '#lib/content/content-id.ts'
import type { Download } from '#lib/content/exchange/download.ts'
import { Holding } from '#lib/content/holding.ts'
import { CHUNK_BYTES } from '#lib/content/manifest.ts'
import { completed, gotten } from '../../fixtures/swarm.ts'
import { newShelf } from '../../fixtures/memory-part-store.ts'
import { until } from './person.ts'
import { aRelay } from './scene.ts'
import { Sharer } from './sharer.ts'
import type { TestRelay } from './test-relay.ts'

const LEAVES = 48

/** What may be under way on a path that ends. */
const LOST_LEAVES = 8

/** A content that comes from Ada to Bob, slowly until `hurry` is called, and what is seen of it. */
interface Coming {
  ada: Sharer
  bob: Sharer
  download: Download
  /** Over which paths it came, one after the other. */
  paths: string[]
  /** How often less was here than before. */
  setbacks: () => number
  /** Whatever Ada gave, in bytes. */
  given: () => number
  hurry: () => void
}

async function coming(relays: TestRelay[], init: { webrtc: boolean }): Promise<Coming> {
  const [home] = relays as [TestRelay]
  const [ada, bob] = await Promise.all([Sharer.at(home, init), Sharer.at(home, init)])
  for (const { person } of [ada, bob]) {
    person.bridge.set(false)
    for (const { host } of relays.slice(1)) await person.node.network.addRelay(host)
  }
  const shared = await ada.make(LEAVES * CHUNK_BYTES)
  let given = 0
  ada.exchange.addEventListener('gave', ({ detail: { bytes } }) => (given += bytes))
  ada.exchange.rates.up.limit(2 * CHUNK_BYTES)
  const hosts = relays.map(({ host }) => host)
  ada.person.node.peers.want(bob.person.peer, hosts, 'directly', 'transfer')
  bob.person.node.peers.want(ada.person.peer, hosts, 'directly', 'transfer')
  const holding = await Holding.open(shared.content, newShelf(), { store: bob.store, sha256 })
  const download = bob.exchange.get(holding)
  const paths: string[] = []
  let [here, setbacks] = [0, 0]
  download.addEventListener('changed', () => {
    const [source] = download.sources
    if (source !== undefined && paths.at(-1) !== source.path) paths.push(source.path)
    if (holding.leaves.count < here) setbacks += 1
    here = holding.leaves.count
  })
  bob.exchange.from(shared.content, ada.person.peer)
  return {
    ada,
    bob,
    download,
    paths,
    setbacks: () => setbacks,
    given: () => given,
    hurry: () => {
      ada.exchange.rates.up.limit(null)
    },
  }
}

function expectWhole({ download, setbacks, given }: Coming): void {
  expect(download.holding.complete).toBe(true)
  expect(setbacks()).toBe(0)
  expect(download.wasted.leaves).toBe(0)
  expect(given() / CHUNK_BYTES).toBeLessThan(download.holding.leaves.length + LOST_LEAVES)
}

test('what comes through a relay moves to a direct path, and back when that breaks', async () => {
  const moving = await coming([await aRelay()], { webrtc: true })
  const { ada, bob, download, paths, hurry } = moving
  const onPath = (path: string): Promise<void> =>
    until(download, 'changed', () => [...download.sources].some((source) => source.path === path))
  await gotten(download, 4)
  for (const { person } of [ada, bob]) person.bridge.set(true)
  await onPath('direct')
  const here = download.holding.leaves.count
  await gotten(download, here + 4)
  for (const { person } of [ada, bob]) person.bridge.set(false)
  ada.person.cut('direct')
  await onPath('relayed')
  expect(download.holding.complete).toBe(false)
  hurry()
  await completed(download)
  expect(paths).toEqual(['relayed', 'direct', 'relayed'])
  expectWhole(moving)
})

test('what comes through a relay that goes comes through another', async () => {
  const relays = [await aRelay(), await aRelay()]
  const moving = await coming(relays, { webrtc: false })
  const { ada, bob, download, hurry } = moving
  await gotten(download, 4)
  const { network } = bob.person.node
  const carrier = (): TestRelay | undefined => {
    const link = network.links().find(({ peer }) => peer === ada.person.peer)
    return relays.find(({ host }) => link?.address.includes(`/tcp/${host.split(':')[1]}/`))
  }
  const first = carrier()!
  await first.down()
  await until(network, 'changed', () => ![undefined, first].includes(carrier()))
  expect(download.holding.complete).toBe(false)
  hurry()
  await completed(download)
  expectWhole(moving)
})
