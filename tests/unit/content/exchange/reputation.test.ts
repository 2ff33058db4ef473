import { expect, test } from 'vitest'
import { contentIdOf } from '#lib/content/content-id.ts'
import { MAX_REMEMBERED, Reputation } from '#lib/content/exchange/reputation.ts'
import { DexieSourceStore } from '#lib/features/transfers/store.ts'
import { peerIdOf, type PeerIdString } from '#lib/protocol/ids.ts'
import { silentLogger } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { memoryDatabase } from '../../../fixtures/memory-database.ts'

const BAN = {
  content: contentIdOf(new Uint8Array(32)),
  part: { kind: 'leaf', index: 7 },
  gave: new Uint8Array(32).fill(7),
} as const

const peer = (number: number): PeerIdString =>
  peerIdOf(new Uint8Array(32).fill(number & 0xff).fill(number >> 8, 0, 16))

test('who gave fast is tried before who is not known, and before who was tried in vain', () => {
  const reputation = new Reputation({ store: null, clock: new ManualClock(), log: silentLogger })
  const [fast, slow, unknown, dead] = [peer(1), peer(2), peer(3), peer(4)]
  reputation.gave(slow, 1, 10_000)
  reputation.gave(fast, 1, 10_000_000)
  reputation.failed(dead)
  const ranked = [dead, unknown, slow, fast].toSorted(
    (a, b) => reputation.rankOf(b) - reputation.rankOf(a),
  )
  expect(ranked).toEqual([fast, slow, unknown, dead])
})

test('who lied is asked no more after a restart either, and the lie is still known', async () => {
  const store = new DexieSourceStore(memoryDatabase())
  const components = { store, clock: new ManualClock(), log: silentLogger }
  const before = new Reputation(components)
  before.ban(peer(1), BAN)
  await expect.poll(() => store.all()).toMatchObject([{ peer: peer(1), ban: BAN }])
  const after = new Reputation(components)
  expect(after.isBanned(peer(1))).toBe(false)
  await after.load()
  expect(after.isBanned(peer(1))).toBe(true)
  expect(after.isBanned(peer(2))).toBe(false)
})

test('a ban that was taken back is none after a restart either; what was given still counts', async () => {
  const store = new DexieSourceStore(memoryDatabase())
  const components = { store, clock: new ManualClock(), log: silentLogger }
  const before = new Reputation(components)
  before.gave(peer(1), 1, 10_000)
  before.ban(peer(1), BAN)
  expect(before.bans).toEqual([[peer(1), BAN]])
  before.pardon(peer(1))
  before.pardon(peer(2))
  expect(before.bans).toEqual([])
  await expect.poll(() => store.all()).toMatchObject([{ peer: peer(1), ban: null }])
  const after = new Reputation(components)
  await after.load()
  expect(after.isBanned(peer(1))).toBe(false)
  expect(after.rankOf(peer(1))).toBeGreaterThan(0)
})

test('so many are remembered, and who lied after all others are forgotten', () => {
  const clock = new ManualClock()
  const reputation = new Reputation({ store: null, clock, log: silentLogger })
  reputation.ban(peer(0), BAN)
  for (let number = 1; number <= MAX_REMEMBERED; number += 1) {
    reputation.gave(peer(number), 1, 10_000)
  }
  expect(reputation.rankOf(peer(1))).toBe(0)
  expect(reputation.rankOf(peer(2))).toBeGreaterThan(0)
  expect(reputation.isBanned(peer(0))).toBe(true)
})
