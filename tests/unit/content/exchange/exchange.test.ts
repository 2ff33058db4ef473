import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { sha256 } from '#lib/content/content-id.ts'
import type { Ban } from '#lib/content/exchange/reputation.ts'
import type { Part } from '#lib/content/parts.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { settled } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { completed, gotten, refused, Swarm, type SwarmDevice } from '../../../fixtures/swarm.ts'

const LEAF_BYTES = 1_000

let swarm: Swarm

beforeEach(() => {
  swarm = new Swarm()
})

afterEach(async () => {
  await swarm.stop()
})

async function join(count: number): Promise<SwarmDevice[]> {
  const devices: SwarmDevice[] = []
  for (let index = 0; index < count; index += 1) devices.push(await swarm.join())
  return devices
}

test('a content is got from who has it', async () => {
  const [seed, reader] = (await join(2)) as [SwarmDevice, SwarmDevice]
  const content = await seed.make(40)
  const download = await reader.get(content, [seed])
  await completed(download)
  expect(reader.holding!.manifest).toEqual(seed.holding!.manifest)
  expect(await reader.store.held(reader.shelf)).toEqual(await seed.store.held(seed.shelf))
  expect(download.wasted.bytes).toBe(0)
})

test('leaves take no memory once they are kept, or are on their way', async () => {
  const [seed, reader] = (await join(2)) as [SwarmDevice, SwarmDevice]
  const content = await seed.make(40)
  const put = vi.spyOn(reader.store, 'put')
  const get = vi.spyOn(seed.store, 'get')
  await completed(await reader.get(content, [seed]))
  await settled()
  const passed = [
    ...put.mock.calls.flatMap(([, { kind }, , bytes]) => (kind === 'leaf' ? [bytes] : [])),
    ...(await Promise.all(
      get.mock.results.map(({ value }) => value as Promise<Uint8Array<ArrayBuffer> | null>),
    )),
  ]
  expect(passed.length).toBeGreaterThanOrEqual(80)
  expect(passed.filter((bytes) => bytes?.buffer.detached === false)).toEqual([])
})

test('more leaves than a manifest holds come with their lists', async () => {
  const [seed, reader] = (await join(2)) as [SwarmDevice, SwarmDevice]
  const content = await seed.make(4_100)
  await completed(await reader.get(content, [seed]))
  expect(reader.holding!.lists.length).toBe(2)
  expect(reader.holding!.complete).toBe(true)
})

test('who gets it gives it on before all of it is here', async () => {
  const [seed, middle, last] = (await join(3)) as [SwarmDevice, SwarmDevice, SwarmDevice]
  const content = await seed.make(200)
  const toMiddle = await middle.get(content, [])
  const toLast = await last.get(content, [middle])
  const early = gotten(toLast, 1).then(() => middle.holding!.leaves.count)
  middle.store.room = 50
  middle.exchange.from(content, seed.host.peer)
  await expect(completed(toMiddle)).rejects.toThrow('storage-full')
  expect(await early).toBeLessThan(200)
})

test('what is got moves to a better path, and nothing is got twice', async () => {
  const [seed, reader] = (await join(2)) as [SwarmDevice, SwarmDevice]
  swarm.network.connect(seed.host, reader.host, 'relayed')
  const content = await seed.make(60)
  const download = await reader.get(content, [seed])
  await gotten(download, 10)
  const paths = (): string[] => [...download.sources].map(({ path }) => path)
  expect(paths()).toEqual(['relayed'])
  swarm.network.connect(seed.host, reader.host, 'direct')
  await gotten(download, 30)
  expect(paths()).toEqual(['direct'])
  await completed(download)
  expect(download.wasted.leaves).toBe(0)
})

test('who gives it knows what each reader has, also of others, and how long the rest takes', async () => {
  const clock = new ManualClock()
  swarm = new Swarm(clock)
  const [seed, other, reader] = (await join(3)) as [SwarmDevice, SwarmDevice, SwarmDevice]
  const content = await seed.make(60)
  const early = await reader.get(content, [seed])
  await gotten(early, 20)
  reader.exchange.leave(content)
  const before = reader.holding!.leaves.count
  // What it had when it came is not held to be fast, and tells nothing of how long the rest takes.
  seed.exchange.rates.up.limit(1)
  await reader.get(content, [seed])
  await settled(20)
  const [told] = seed.exchange.readers(content)
  expect(told!.leaves!.count).toBe(before)
  expect(told!.msLeft(clock.now())).toBeNull()
  // Both name another as well: neither follows who only follows.
  await other.get(content, [reader])
  await settled(20)
  expect(reader.exchange.readers(content).map(({ peer }) => peer)).toEqual([
    seed.host.peer,
    other.host.peer,
  ])
  expect(seed.exchange.readers(content)).toHaveLength(1)
})

test('who is asked says whether all of it is there, and gives nothing', async () => {
  const [seed, other, reader] = (await join(3)) as [SwarmDevice, SwarmDevice, SwarmDevice]
  const content = await seed.make(60)
  await gotten(await other.get(content, [seed]), 10)
  other.exchange.leave(content)
  const served: PeerIdString[] = []
  reader.exchange.addEventListener('served', ({ detail }) => served.push(detail.peer))
  const gave = vi.fn()
  for (const each of [seed, other]) each.exchange.addEventListener('gave', gave)
  swarm.network.disconnect(seed.host, reader.host)
  for (const each of [seed, other]) reader.exchange.inquire(content, each.host.peer)
  await settled(20)
  expect(served).toEqual([])
  // Who is out of reach is asked once they are back.
  swarm.network.connect(seed.host, reader.host)
  await expect.poll(() => served).toEqual([seed.host.peer])
  expect(gave).not.toHaveBeenCalled()
  expect([...seed.exchange.readers(), ...other.exchange.readers()]).toEqual([])
})

test('a source that goes is followed by another, and nothing is got twice', async () => {
  const [seed, other, reader] = (await join(3)) as [SwarmDevice, SwarmDevice, SwarmDevice]
  const content = await seed.make(60)
  await completed(await other.get(content, [seed]))
  const download = await reader.get(content, [seed])
  await gotten(download, 10)
  swarm.network.disconnect(seed.host, reader.host)
  reader.exchange.from(content, other.host.peer)
  await completed(download)
  expect(reader.holding!.complete).toBe(true)
})

test('what is here is not got again after a restart', async () => {
  const [seed, reader] = (await join(2)) as [SwarmDevice, SwarmDevice]
  const content = await seed.make(60)
  await gotten(await reader.get(content, [seed]), 10)
  reader.exchange.leave(content)
  const before = reader.holding!.leaves.count
  const given: number[] = []
  seed.exchange.addEventListener('gave', ({ detail }) => given.push(detail.bytes))
  await completed(await reader.get(content, [seed]))
  expect(given.length).toBeLessThanOrEqual(60 - before)
})

/** Whatever leaf it gives is wrong from now on, until the returned function is called. */
function lie({ holding }: SwarmDevice): () => void {
  const read = holding!.read.bind(holding)
  holding!.read = async (part: Part) => {
    const bytes = await read(part)
    if (part.kind === 'leaf' && bytes !== null) bytes[0]! ^= 1
    return bytes
  }
  return () => {
    holding!.read = read
  }
}

/** Resolves when it has banned somebody. */
function bans({ exchange }: SwarmDevice): Promise<unknown> {
  return new Promise((resolve) => {
    exchange.addEventListener('banned', resolve)
  })
}

test('who gives something wrong is banned, and what it gave comes from others', async () => {
  const [seed, liar, reader] = (await join(3)) as [SwarmDevice, SwarmDevice, SwarmDevice]
  const content = await seed.make(60)
  await completed(await liar.get(content, [seed]))
  lie(liar)
  const banned: ({ peer: PeerIdString } & Ban)[] = []
  reader.exchange.addEventListener('banned', ({ detail }) => banned.push(detail))
  await completed(await reader.get(content, [liar, seed]))
  expect(banned).toHaveLength(1)
  const [{ peer, part, gave }] = banned as [(typeof banned)[number]]
  expect(peer).toBe(liar.host.peer)
  const wrong = (await liar.holding!.read(part))!
  expect(gave).toEqual(await sha256(wrong))
  expect(reader.exchange.isBanned(liar.host.peer)).toBe(true)
})

test('who is banned is asked for nothing, and given what they lack', async () => {
  const [seed, liar, reader] = (await join(3)) as [SwarmDevice, SwarmDevice, SwarmDevice]
  const content = await seed.make(60)
  await gotten(await liar.get(content, [seed]), 10)
  liar.exchange.leave(content)
  const had = liar.holding!.leaves.count
  lie(liar)
  const banned = bans(reader)
  const download = await reader.get(content, [liar])
  await banned
  reader.exchange.from(content, seed.host.peer)
  await completed(download)
  const given = vi.fn()
  liar.exchange.addEventListener('gave', given)
  await completed(await liar.get(content, [reader]))
  expect(liar.holding!.leaves.count).toBeGreaterThan(had)
  expect(given).not.toHaveBeenCalled()
})

test('who was banned gives again once that is taken back', async () => {
  const [seed, liar, reader] = (await join(3)) as [SwarmDevice, SwarmDevice, SwarmDevice]
  const content = await seed.make(60)
  await completed(await liar.get(content, [seed]))
  const mend = lie(liar)
  const banned = bans(reader)
  const download = await reader.get(content, [liar])
  await banned
  mend()
  reader.exchange.from(content, liar.host.peer)
  await settled(20)
  expect(download.sources.size).toBe(0)
  reader.exchange.pardon(liar.host.peer)
  await completed(download)
})

test('who is not given it is told why', async () => {
  const [seed, reader] = (await join(2)) as [SwarmDevice, SwarmDevice]
  const content = await seed.make(10)
  seed.refuses = { refusal: 'expired' }
  const download = await reader.get(content, [])
  const reason = refused(download)
  reader.exchange.from(content, seed.host.peer)
  expect(await reason).toBe('expired')
})

test('a link taken back while somebody gets it ends that', async () => {
  const [seed, reader] = (await join(2)) as [SwarmDevice, SwarmDevice]
  const content = await seed.make(400)
  const download = await reader.get(content, [seed])
  const reason = refused(download)
  await gotten(download, 10)
  seed.refuses = { refusal: 'revoked' }
  seed.exchange.refuse(content, 'revoked')
  expect(await reason).toBe('revoked')
})

test('without room it fails, and what is here stays', async () => {
  const [seed, reader] = (await join(2)) as [SwarmDevice, SwarmDevice]
  const content = await seed.make(60)
  reader.store.room = 20
  await expect(completed(await reader.get(content, [seed]))).rejects.toThrow('storage-full')
  expect(reader.holding!.leaves.count).toBe(19)
  reader.store.room = Infinity
  reader.exchange.leave(content)
  await completed(await reader.get(content, [seed]))
})

test('all that wait are given a turn', async () => {
  const [seed, ...readers] = (await join(14)) as [SwarmDevice, ...SwarmDevice[]]
  const content = await seed.make(30)
  const downloads = await Promise.all(readers.map((reader) => reader.get(content, [seed])))
  await Promise.all(downloads.map(completed))
})

test.each(['up', 'down'] as const)('a limit %s holds, and lifted it holds no more', async (way) => {
  const clock = new ManualClock()
  swarm = new Swarm(clock)
  const [seed, reader] = (await join(2)) as [SwarmDevice, SwarmDevice]
  const content = await seed.make(60, 1, LEAF_BYTES)
  const limited = way === 'up' ? seed.exchange.rates.up : reader.exchange.rates.down
  limited.limit(10 * LEAF_BYTES)
  const put = reader.store.put.bind(reader.store)
  let [came, largest] = [0, 0]
  vi.spyOn(reader.store, 'put').mockImplementation((shelf, part, hash, bytes) => {
    came += bytes.byteLength
    largest = Math.max(largest, bytes.byteLength)
    return put(shelf, part, hash, bytes)
  })
  const startMs = clock.now()
  const download = await reader.get(content, [seed])
  while (reader.holding!.leaves.count < 30) {
    // What passes at once after a rest, and the one that is paid off after it has passed, come on top.
    const allowed = (10 * LEAF_BYTES * (clock.now() - startMs + 250)) / 1_000 + largest
    expect(came).toBeLessThanOrEqual(allowed)
    clock.advance(50)
    await settled()
  }
  expect(reader.holding!.complete).toBe(false)
  limited.limit(null)
  await completed(download)
})
