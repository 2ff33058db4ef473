import { expect, test } from 'vitest'
import { sha256 } from '#lib/content/content-id.ts'
import type { Download } from '#lib/content/exchange/download.ts'
import { Holding } from '#lib/content/holding.ts'
import { CHUNK_BYTES } from '#lib/content/manifest.ts'
import { completed, gotten } from '../../fixtures/swarm.ts'
import { newShelf } from '../../fixtures/memory-part-store.ts'
import { until } from './person.ts'
import { after, aRelay } from './scene.ts'
import { Sharer } from './sharer.ts'
import { SlowLine } from './slow-line.ts'
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

/** Where a relay is reached. */
type Place = Pick<TestRelay, 'host' | 'origin'>

/** @param init `hints`: the hosts each is told that the other is at; all, if not given */
async function coming(
  relays: Place[],
  init: { webrtc: boolean; hints?: string[] },
): Promise<Coming> {
  const [home] = relays as [Place]
  const [ada, bob] = await Promise.all([Sharer.at(home, init), Sharer.at(home, init)])
  for (const { person } of [ada, bob]) {
    person.bridge.set(false)
    for (const { host } of relays.slice(1)) await person.node.network.addRelay(host)
  }
  const shared = await ada.make(LEAVES * CHUNK_BYTES)
  let given = 0
  ada.exchange.addEventListener('gave', ({ detail: { bytes } }) => (given += bytes))
  ada.exchange.rates.up.limit(2 * CHUNK_BYTES)
  const hosts = init.hints ?? relays.map(({ host }) => host)
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

/** What the one has open with the other. */
function linksWith({ person: { node } }: Sharer, { person: { peer } }: Sharer) {
  const links = node.network.links().filter((link) => link.peer === peer)
  return links.map((link) => ({
    ...link,
    goesBy: ({ host }: Place) => link.address.includes(`/tcp/${host.split(':')[1]}/`),
  }))
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
    const [link] = linksWith(bob, ada)
    return relays.find((relay) => link?.goesBy(relay))
  }
  const first = carrier()!
  await first.down()
  await until(network, 'changed', () => ![undefined, first].includes(carrier()))
  expect(download.holding.complete).toBe(false)
  hurry()
  await completed(download)
  expectWhole(moving)
})

test('what comes through a slow relay moves to a faster one they are at', async () => {
  const slow = await SlowLine.to(await aRelay(), 100)
  after(() => slow.close())
  const fast = await aRelay()
  const moving = await coming([slow, fast], { webrtc: false, hints: [slow.host] })
  const { ada, bob, download, paths, hurry } = moving
  ada.exchange.rates.up.limit(CHUNK_BYTES)
  const carried = (): number => {
    const [link] = linksWith(bob, ada).filter((each) => each.goesBy(fast))
    return link?.bytesIn ?? 0
  }
  await gotten(download, 4)
  expect(linksWith(bob, ada).every((link) => link.goesBy(slow))).toBe(true)
  await until(download, 'changed', () => carried() > 2 * CHUNK_BYTES)
  expect(download.holding.complete).toBe(false)
  hurry()
  await completed(download)
  expect(new Set(paths)).toEqual(new Set(['relayed']))
  expectWhole(moving)
})
