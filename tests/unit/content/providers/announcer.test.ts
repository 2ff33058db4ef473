import { afterEach, beforeEach, expect, test } from 'vitest'
import { contentIdOf, manifestHashOf, type ContentId } from '#lib/content/content-id.ts'
import {
  Announcer,
  MAX_ANNOUNCED,
  MAX_REVOKED,
  RENEW_MS,
  RETRY_MS,
  SETTLE_MS,
  type Revoked,
} from '#lib/content/providers/announcer.ts'
import type { ProvidersRequest } from '#lib/protocol/providers.ts'
import {
  openKeptRecord,
  openRevocation,
  REVOCATION_LIFE_MS,
  revocationSubjectOf,
} from '#lib/protocol/revocation.ts'
import { MAX_PROVIDER_RECORDS_PER_PEER } from '#relay/limits.ts'
import {
  FakeNetwork,
  settled,
  silentLogger,
  type FakeHost,
} from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { signerOf } from '../../../fixtures/signers.ts'
import { eventually } from '../../../fixtures/eventually.ts'

const [SONGS, FILMS] = [1, 2].map((fill) => contentIdOf(new Uint8Array(32).fill(fill))) as [
  ContentId,
  ContentId,
]

let clock: ManualClock
let host: FakeHost
let given: ContentId[]
let revoked: Revoked[]
let announcer: Announcer
/** What each relay was told, and by which key a record is. */
let told: { relay: string; type: string }[]
let refuses: boolean
/** What they were given to keep. */
let records: Uint8Array[]

beforeEach(async () => {
  const me = await signerOf(1)
  clock = new ManualClock()
  host = new FakeNetwork().host(me.peer)
  given = []
  revoked = []
  told = []
  refuses = false
  records = []
  host.network.answers = async (relay, _protocol, request) => {
    const asked = request as ProvidersRequest
    told.push({ relay, type: asked.type })
    if (refuses) return { type: 'refused', reason: 'busy' }
    if (asked.type !== 'provide') return { type: 'withdrawn' }
    expect((await openKeptRecord(asked.record, clock.now())).peer).toBe(me.peer)
    records.push(asked.record)
    return { type: 'stored' }
  }
  const { network, peers } = host
  announcer = new Announcer(
    { identity: me, network, peers, clock, log: silentLogger },
    { given: () => given, revoked: () => revoked },
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

test('what I took back is said in place of that I give it, and stays said', async () => {
  host.peers.relays = ['one.example']
  given = [SONGS]
  announcer.look()
  await pass(SETTLE_MS)
  given = []
  revoked = [{ content: SONGS, untilMs: null }]
  announcer.look()
  expect((await pass(SETTLE_MS)).map(({ type }) => type).sort()).toEqual(['provide', 'withdraw'])
  expect(await openRevocation(records.at(-1)!, clock.now())).toMatchObject({
    subject: revocationSubjectOf(manifestHashOf(SONGS)),
    madeAtMs: clock.now(),
    expiresAtMs: clock.now() + REVOCATION_LIFE_MS,
  })
  expect(await pass(RENEW_MS)).toHaveLength(1)
  revoked = []
  announcer.look()
  expect(await pass(SETTLE_MS)).toEqual([])
})

test('a relay that knows no revocation is told of the rest all the same', async () => {
  host.peers.relays = ['one.example']
  const { answers } = host.network
  host.network.answers = async (relay, protocol, request) => {
    const answer = await answers(relay, protocol, request)
    const { revokes } = await openKeptRecord(records.at(-1)!, clock.now())
    return revokes ? { type: 'refused', reason: 'invalid' } : answer
  }
  given = [SONGS]
  revoked = [{ content: FILMS, untilMs: null }]
  announcer.look()
  expect(await pass(SETTLE_MS)).toHaveLength(2)
  expect(await pass(RENEW_MS - SETTLE_MS)).toEqual([])
  expect(await pass(SETTLE_MS)).toHaveLength(2)
})

test('nothing is said for longer than it means anything', async () => {
  host.peers.relays = ['one.example']
  revoked = [{ content: SONGS, untilMs: clock.now() + 60_000 }]
  announcer.look()
  const expiresAtMs = clock.now() + 60_000
  await pass(SETTLE_MS)
  expect(await openRevocation(records.at(-1)!, clock.now())).toMatchObject({ expiresAtMs })
})

test('as much is said at most as a relay keeps of one peer', async () => {
  const many = (count: number, last: number): ContentId[] =>
    Array.from({ length: count }, (_, each) =>
      contentIdOf(Uint8Array.of(each, each >> 8, ...new Uint8Array(29), last)),
    )
  expect(MAX_ANNOUNCED + MAX_REVOKED).toBeLessThanOrEqual(MAX_PROVIDER_RECORDS_PER_PEER)
  host.peers.relays = ['one.example']
  revoked = many(MAX_REVOKED, 1).map((content) => ({ content, untilMs: null }))
  announcer.look()
  clock.advance(SETTLE_MS)
  await eventually(() => {
    expect(records).toHaveLength(MAX_REVOKED)
  })
  records = []
  revoked = many(MAX_REVOKED + 1, 2).map((content) => ({ content, untilMs: null }))
  announcer.look()
  clock.advance(SETTLE_MS)
  await eventually(() => {
    expect(records).toHaveLength(MAX_REVOKED)
  })
  await pass(SETTLE_MS)
  expect(records).toHaveLength(MAX_REVOKED)
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
