import { afterEach, beforeEach, expect, test } from 'vitest'
import { contentIdOf, type ContentId } from '#lib/content/content-id.ts'
import { Announcer, RENEW_MS, RETRY_MS, SETTLE_MS } from '#lib/content/providers/announcer.ts'
import { openProviderRecord, type ProvidersRequest } from '#lib/protocol/providers.ts'
import {
  FakeNetwork,
  settled,
  silentLogger,
  type FakeHost,
} from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { signerOf } from '../../../fixtures/signers.ts'

const [SONGS, FILMS] = [1, 2].map((fill) => contentIdOf(new Uint8Array(32).fill(fill))) as [
  ContentId,
  ContentId,
]

let clock: ManualClock
let host: FakeHost
let given: ContentId[]
let announcer: Announcer
/** What each relay was told, and by which key a record is. */
let told: { relay: string; type: string }[]
let refuses: boolean

beforeEach(async () => {
  const me = await signerOf(1)
  clock = new ManualClock()
  host = new FakeNetwork().host(me.peer)
  given = []
  told = []
  refuses = false
  host.network.answers = async (relay, _protocol, request) => {
    const asked = request as ProvidersRequest
    told.push({ relay, type: asked.type })
    if (refuses) return { type: 'refused', reason: 'busy' }
    if (asked.type !== 'provide') return { type: 'withdrawn' }
    expect((await openProviderRecord(asked.record, clock.now())).peer).toBe(me.peer)
    return { type: 'stored' }
  }
  const { network, peers } = host
  announcer = new Announcer(
    { identity: me, network, peers, clock, log: silentLogger },
    { given: () => given },
  )
  announcer.start()
})

afterEach(() => {
  announcer.stop()
  expect(clock.pending).toBe(0)
})

async function pass(ms: number): Promise<typeof told> {
  told.length = 0
  clock.advance(ms)
  await settled(20)
  return told
}

test('every relay of mine is told what I give, and told again before it forgets', async () => {
  host.peers.relays = ['one.example', 'two.example']
  given = [SONGS]
  announcer.look()
  expect(await pass(SETTLE_MS)).toEqual([
    { relay: 'one.example', type: 'provide' },
    { relay: 'two.example', type: 'provide' },
  ])
  announcer.look()
  expect(await pass(SETTLE_MS)).toEqual([])
  expect(await pass(RENEW_MS)).toHaveLength(2)
})

test('a relay that is new is told everything, as is one that comes back', async () => {
  given = [SONGS, FILMS]
  await pass(SETTLE_MS)
  host.peers.relays = ['one.example']
  host.network.changed()
  expect(await pass(SETTLE_MS)).toHaveLength(2)
  host.peers.relays = []
  host.network.changed()
  await pass(SETTLE_MS)
  host.peers.relays = ['one.example']
  host.network.changed()
  expect(await pass(SETTLE_MS)).toHaveLength(2)
})

test('what is given no more is taken back', async () => {
  host.peers.relays = ['one.example']
  given = [SONGS, FILMS]
  announcer.look()
  await pass(SETTLE_MS)
  given = [FILMS]
  announcer.look()
  expect(await pass(SETTLE_MS)).toEqual([{ relay: 'one.example', type: 'withdraw' }])
})

test('a relay that does not take it is told again a while later', async () => {
  host.peers.relays = ['one.example']
  given = [SONGS, FILMS]
  refuses = true
  announcer.look()
  expect(await pass(SETTLE_MS)).toHaveLength(1)
  refuses = false
  expect(await pass(RETRY_MS - SETTLE_MS)).toEqual([])
  expect(await pass(SETTLE_MS)).toHaveLength(2)
})
