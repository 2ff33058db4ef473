import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Finder, Provider } from '#lib/content/providers/finder.ts'
import { LOOK_MS, MAX_TRIED, Seeker, TRY_MS } from '#lib/content/providers/seeker.ts'
import { peerIdOf, type PeerIdString } from '#lib/protocol/ids.ts'
import { settled } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'
import { completed, Swarm, type SwarmDevice } from '../../../fixtures/swarm.ts'

let swarm: Swarm
let clock: ManualClock
let seeker: Seeker | null

beforeEach(() => {
  swarm = new Swarm()
  clock = new ManualClock()
  seeker = null
})

afterEach(async () => {
  seeker?.stop()
  expect(clock.pending).toBe(0)
  await swarm.stop()
})

/** Peers who are wanted, while they are. */
class Meeting {
  readonly wanted = new Set<PeerIdString>()
  /** The most there ever were. */
  most = 0

  want(peer: PeerIdString): void {
    this.wanted.add(peer)
    this.most = Math.max(this.most, this.wanted.size)
  }

  release(_reason: string, except: ReadonlySet<PeerIdString> = new Set()): void {
    for (const peer of this.wanted) if (!except.has(peer)) this.wanted.delete(peer)
  }
}

function finding(providers: Provider[]): Pick<Finder, 'find'> {
  return {
    find(_content, _relays, found) {
      for (const provider of providers) found(provider)
      return Promise.resolve()
    },
  }
}

const at = (peer: PeerIdString): Provider => ({ peer, relays: ['relay.example'] })

/** Ids of nobody. */
const falseProviders = (count: number): Provider[] =>
  Array.from({ length: count }, (_, number) => at(peerIdOf(new Uint8Array(32).fill(200 - number))))

async function seek(
  reader: SwarmDevice,
  seed: SwarmDevice,
  { providers = [] as Provider[], contacts = [] as PeerIdString[] },
) {
  const download = await reader.get(await seed.make(20), [])
  const meeting = new Meeting()
  seeker = new Seeker(
    {
      exchange: reader.exchange,
      finder: finding(providers),
      meeting,
      relays: () => [],
      contacts: () => contacts,
      clock,
      random: seededRandom(1),
    },
    {
      self: reader.host.peer,
      download,
      reason: 'a transfer',
      from: { peers: [], relays: [] },
    },
  )
  seeker.start()
  return { download, meeting }
}

test('what is got comes from somebody whom only a relay knows', async () => {
  const [seed, reader] = [await swarm.join(), await swarm.join()]
  const { download, meeting } = await seek(reader, seed, { providers: [at(seed.host.peer)] })
  await completed(download)
  expect(meeting.wanted).toEqual(new Set([seed.host.peer]))
  seeker?.stop()
  expect(meeting.wanted.size).toBe(0)
})

test('contacts who are here are asked, and who lacks it is let go', async () => {
  const [seed, other, reader] = [await swarm.join(), await swarm.join(), await swarm.join()]
  const contacts = [other.host.peer, seed.host.peer]
  const { download, meeting } = await seek(reader, seed, { contacts })
  await completed(download)
  // They are here anyway.
  expect(meeting.most).toBe(0)
  expect([...download.sources].some(({ peer }) => peer === other.host.peer)).toBe(false)
})

test('a flood of false providers is tried a few at a time, and the true one is reached', async () => {
  const [seed, reader] = [await swarm.join(), await swarm.join()]
  const providers = [...falseProviders(20), at(seed.host.peer)]
  const { download, meeting } = await seek(reader, seed, { providers })
  const done = completed(download)
  while (!download.holding.complete) {
    for (let passed = 0; passed < TRY_MS; passed += LOOK_MS.first / 2) {
      clock.advance(LOOK_MS.first / 2)
      await settled()
    }
  }
  await done
  expect(meeting.most).toBeLessThanOrEqual(MAX_TRIED)
})
