import { afterEach, expect, test } from 'vitest'
import { Download, MAX_UNDER_WAY, PATIENCE_MS } from '#lib/content/exchange/download.ts'
import { MAX_AHEAD, Source, type Ask } from '#lib/content/exchange/source.ts'
import type { BlocksMessage } from '#lib/content/exchange/protocol.ts'
import type { Holding } from '#lib/content/holding.ts'
import { MANIFEST_PART, type Part } from '#lib/content/parts.ts'
import { peerIdOf } from '#lib/protocol/ids.ts'
import { silentLogger } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'
import { Swarm, type SwarmDevice } from '../../../fixtures/swarm.ts'

const NO_BITS = new Uint8Array(0)
const swarms: Swarm[] = []

afterEach(async () => {
  for (const swarm of swarms.splice(0)) await swarm.stop()
})

/** A download that knows its manifest and lacks every leaf, and who has them all. */
async function begun(leaves: number) {
  const swarm = new Swarm()
  swarms.push(swarm)
  const [seed, reader] = [await swarm.join(), await swarm.join()] as [SwarmDevice, SwarmDevice]
  const content = await seed.make(leaves)
  await reader.get(content, [])
  reader.exchange.leave(content)
  const holding = reader.holding!
  await giveTo(holding, seed.holding!, { kind: 'manifest', index: 0 })
  for (let index = 0; index < seed.holding!.lists.length; index += 1) {
    await giveTo(holding, seed.holding!, { kind: 'list', index })
  }
  const clock = new ManualClock()
  const download = new Download(holding, { clock, random: seededRandom(1), log: silentLogger })
  download.start()
  return { download, clock, seed: seed.holding! }
}

/** Gives what it is asked for now, and whatever it is asked for then. */
async function giveAll(download: Download, source: Source, from: Holding): Promise<void> {
  for (let [part] = partsOf(source); part !== undefined; [part] = partsOf(source)) {
    await download.arrived(source, part, (await from.read(part))!)
  }
}

async function giveTo(
  holding: Holding,
  from: Holding,
  part: Parameters<Holding['read']>[0],
): Promise<void> {
  expect(await holding.take(part, (await from.read(part))!)).toBe('taken')
}

/** A source with all leaves that does not choke, and what it was told. */
function sourceOf(download: Download, number: number) {
  const said: BlocksMessage[] = []
  const source = new Source({
    peer: peerIdOf(new Uint8Array(32).fill(number)),
    path: 'direct',
    topic: 0,
    send: (message) => said.push(message),
    connections: () => 1,
  })
  download.add(source)
  download.has(source, null, NO_BITS)
  download.choke(source, false)
  const asked = (): number =>
    said.reduce((sum, each) => sum + (each.type === 'ask' ? each.parts.length : 0), 0)
  return { source, said, asked }
}

function partsOf(source: Source): Part[] {
  return [...source.asked.values()].map(({ part }) => part)
}

/** What a source was told that it need not give. */
function dropped(said: readonly BlocksMessage[]): Part[] {
  return said.flatMap((each) =>
    each.type === 'drop' ? each.parts.map(([kind, index]) => ({ kind, index })) : [],
  )
}

test('what a slow source was asked for first is asked of others only much later', async () => {
  const { download, clock } = await begun(10)
  const slow = sourceOf(download, 1)
  const [first] = [...slow.source.asked.values()]
  const quick = sourceOf(download, 2)
  clock.advance(PATIENCE_MS + 3_000)
  expect(quick.source.asked.size).toBeGreaterThan(0)
  expect([...quick.source.asked.values()].map(({ part }) => part)).not.toContainEqual(first!.part)
})

test('whoever owes everything for too long is asked for one part, others for what it gives up', async () => {
  const { download, clock, seed } = await begun(10)
  const slow = sourceOf(download, 1)
  const owed = partsOf(slow.source)
  expect(owed.length).toBeGreaterThan(1)
  clock.advance(PATIENCE_MS - 1)
  expect(dropped(slow.said)).toEqual([])
  clock.advance(3_000)
  expect(slow.source.slow).toBe(true)
  expect(dropped(slow.said)).toEqual(owed.slice(1))
  // One of them was on its way, one it gives up.
  const [first, coming, given] = owed as [Part, Part, Part]
  const quick = sourceOf(download, 2)
  expect(partsOf(quick.source)).not.toContainEqual(given)
  await download.arrived(slow.source, coming, (await seed.read(coming))!)
  expect(slow.source.slow).toBe(false)
  slow.source.slow = true
  await giveAll(download, quick.source, seed)
  download.rejected(slow.source, [given])
  expect(partsOf(quick.source)).toContainEqual(given)
  expect(partsOf(slow.source)).toContainEqual(first)
  expect(download.wasted.leaves).toBe(0)
  download.stop()
  expect(clock.pending).toBe(0)
})

test('who does not even answer is not waited for', async () => {
  const { download, clock, seed } = await begun(4)
  const dead = sourceOf(download, 1)
  const other = sourceOf(download, 2)
  clock.advance(PATIENCE_MS + 3_000)
  expect(other.source.asked.size).toBe(0)
  const [first, ...rest] = partsOf(dead.source)
  expect(dropped(dead.said)).toEqual(rest)
  clock.advance(PATIENCE_MS)
  expect(new Set(partsOf(other.source))).toEqual(new Set(rest))
  await giveAll(download, other.source, seed)
  clock.advance(PATIENCE_MS)
  expect(partsOf(other.source)).toEqual([first])
  download.stop()
})

test('who gives a little of what it was asked for now and then holds up nothing', async () => {
  const { download, clock, seed } = await begun(12)
  const miser = sourceOf(download, 1)
  const held = partsOf(miser.source).slice(1)
  const other = sourceOf(download, 2)
  const got: Part[] = []
  for (let round = 0; round < 20; round += 1) {
    clock.advance(PATIENCE_MS - 2_000)
    // Again what it gave already, and what it was asked for just now.
    const given = partsOf(miser.source).find(
      (part) => !held.some(({ index }) => index === part.index),
    )
    if (given !== undefined) got.push(given)
    for (const part of got) await download.arrived(miser.source, part, (await seed.read(part))!)
    for (const part of partsOf(other.source)) {
      await download.arrived(other.source, part, (await seed.read(part))!)
    }
  }
  expect(download.holding.complete).toBe(true)
  download.stop()
})

test('what somebody holds who gives now and then, and answers no word, is got from others', async () => {
  const { download, clock, seed } = await begun(40)
  const miser = sourceOf(download, 1)
  // It is asked for many ahead, as whoever gives fast from afar is.
  const [one] = partsOf(miser.source)
  const { byteLength } = (await seed.read(one!))!
  for (let times = 0; times < 20; times += 1) {
    clock.advance(20)
    miser.source.pipeline.arrived(clock.now() - 1_000, clock.now(), byteLength)
  }
  download.has(miser.source, null, NO_BITS)
  expect(miser.source.asked.size).toBeGreaterThan(10)
  const other = sourceOf(download, 2)
  for (let seconds = 1; seconds <= 90; seconds += 1) {
    clock.advance(1_000)
    for (const part of partsOf(other.source)) {
      await download.arrived(other.source, part, (await seed.read(part))!)
    }
    const [part] = partsOf(miser.source)
    if (seconds % 9 > 0 || part === undefined) continue
    await download.arrived(miser.source, part, (await seed.read(part))!)
  }
  expect(download.holding.complete).toBe(true)
  download.stop()
})

test('what nobody asked for does not count as wasted', async () => {
  const { download, seed } = await begun(200)
  const { source } = sourceOf(download, 1)
  const [part] = partsOf(source)
  for (let times = 0; times < 5; times += 1) {
    await download.arrived(source, part!, (await seed.read(part!))!)
  }
  expect(download.wasted.leaves).toBe(0)
  download.stop()
})

test('no more is asked for than may be under way', async () => {
  const { download, clock } = await begun(400)
  const sources = Array.from({ length: 60 }, (_, number) => sourceOf(download, number + 1))
  const asked = sources.reduce((sum, each) => sum + each.asked(), 0)
  expect(asked).toBe(MAX_UNDER_WAY)
  for (const { source } of sources) expect(source.asked.size).toBeLessThanOrEqual(MAX_AHEAD)
  download.stop()
  expect(clock.pending).toBe(0)
})

test('what a source that chokes rejects is asked of others, and not before', async () => {
  const { download, seed } = await begun(4)
  const one = sourceOf(download, 1)
  const [coming, ...rest] = partsOf(one.source)
  const other = sourceOf(download, 2)
  download.choke(one.source, true)
  expect(other.source.asked.size).toBe(0)
  await download.arrived(one.source, coming!, (await seed.read(coming!))!)
  download.rejected(one.source, rest)
  expect(new Set(partsOf(other.source))).toEqual(new Set(rest))
  expect(download.wasted.leaves).toBe(0)
  download.stop()
})

test('who rejects what it was asked for without a reason is not asked for it again', async () => {
  const { download } = await begun(4)
  const { source, asked } = sourceOf(download, 1)
  const parts = partsOf(source)
  download.rejected(source, parts)
  expect(asked()).toBe(4)
  expect(source.asked.size).toBe(0)
  download.stop()
})

test('of few leaves none may come twice: who is slow is asked to give one up towards the end', async () => {
  const { download, clock, seed } = await begun(20)
  const slow = sourceOf(download, 1)
  const owed = partsOf(slow.source)
  const fast = sourceOf(download, 2)
  while (download.holding.leaves.count < 20 - owed.length) {
    const [part] = partsOf(fast.source)
    clock.advance(200)
    await download.arrived(fast.source, part!, (await seed.read(part!))!)
  }
  clock.advance(2_000)
  download.gained(fast.source, [])
  const [recalled] = dropped(slow.said)
  expect(owed).toContainEqual(recalled)
  expect(fast.source.asked.size).toBe(0)
  download.rejected(slow.source, [recalled!])
  expect(partsOf(fast.source)).toEqual([recalled])
  download.stop()
})

test('towards the end a second source is asked, and told when it is not needed any more', async () => {
  const { download, clock, seed } = await begun(150)
  const slow = sourceOf(download, 1)
  const owed = slow.source.asked.size
  const fast = sourceOf(download, 2)
  const give = async (): Promise<Ask> => {
    const [ask] = [...fast.source.asked.values()]
    clock.advance(20)
    await download.arrived(fast.source, ask!.part, (await seed.read(ask!.part))!)
    return ask!
  }
  while (download.holding.leaves.count < 150 - owed) await give()
  clock.advance(2_000)
  const { part } = await give()
  expect(slow.said).toContainEqual({ type: 'drop', topic: 0, parts: [[part.kind, part.index]] })
  expect(download.wasted).toEqual({ leaves: 0, bytes: 0 })
  download.stop()
})

test('what is suggested before anything is known of the content counts once it is', async () => {
  const swarm = new Swarm()
  swarms.push(swarm)
  const [seed, reader] = [await swarm.join(), await swarm.join()] as [SwarmDevice, SwarmDevice]
  const content = await seed.make(40)
  await reader.get(content, [])
  reader.exchange.leave(content)
  const download = new Download(reader.holding!, {
    clock: new ManualClock(),
    random: seededRandom(1),
    log: silentLogger,
  })
  download.start()
  const { source } = sourceOf(download, 1)
  download.suggested(source, [31, 32, 33])
  await download.arrived(source, MANIFEST_PART, (await seed.holding!.read(MANIFEST_PART))!)
  const asked = [...source.asked.values()].map(({ part }) => part.index)
  // The description is asked for first.
  expect(asked.slice(1)).toEqual([31, 32, 33])
  download.stop()
})

test('a source that was removed is asked for nothing more, whatever it says', async () => {
  const { download } = await begun(4)
  const liar = sourceOf(download, 1)
  download.remove(liar.source)
  const before = liar.asked()
  download.choke(liar.source, false)
  download.gained(liar.source, [1])
  download.has(liar.source, null, NO_BITS)
  expect(liar.asked()).toBe(before)
  const honest = sourceOf(download, 2)
  expect(honest.source.asked.size).toBe(4)
  download.stop()
})
