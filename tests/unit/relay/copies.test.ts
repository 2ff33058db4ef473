import type { Connection, StreamHandler } from '@libp2p/interface'
import { lpStream, streamPair } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { MemoryDatastore } from 'datastore-core'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  COPIES,
  MAX_COPY_REQUESTS_PER_MINUTE,
  MAX_KEEP_MS,
  type CopiesRequest,
  type CopiesResponse,
} from '#lib/protocol/copies.ts'
import { toBase64url } from '#lib/protocol/base64url.ts'
import { revocationKeyOf, revocationSubjectOf } from '#lib/protocol/revocation.ts'
import { Copies } from '#relay/copies/copies.ts'
import { CopyRows } from '#relay/copies/copy-rows.ts'
import { COPIES_SWEEP_MS } from '#relay/limits.ts'
import { FakeNetwork, settled, silentLogger } from '../../fixtures/fake-network.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { MemoryPartStore } from '../../fixtures/memory-part-store.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { CountingRefusals } from './counting-refusals.ts'

/** Of which one person may have an eighth. */
const ROOM_BYTES = 8_000
const SHARE_BYTES = ROOM_BYTES / 8

let clock: ManualClock
let rows: CopyRows
let copies: Copies
let serve: StreamHandler
/** The keys of what relays were told is given no more. */
let tookBack: Set<string>

beforeEach(async () => {
  clock = new ManualClock()
  tookBack = new Set()
  rows = new CopyRows({ datastore: new MemoryDatastore() })
  const signer = await signerOf(100)
  copies = new Copies(
    {
      channels: new FakeNetwork().host(signer.peer).channels,
      parts: new MemoryPartStore(),
      rows,
      providers: {
        provide: () => Promise.resolve(),
        withdraw: () => undefined,
        revoked: (key) => tookBack.has(toBase64url(key)),
      },
      self: signer.peer,
      signer,
      libp2p: {
        handle: (_protocol, handler) => {
          serve = handler
          return Promise.resolve()
        },
        unhandle: () => Promise.resolve(),
      },
      clock,
      random: seededRandom(1),
      refusals: new CountingRefusals(),
      log: silentLogger,
    },
    { maxBytes: ROOM_BYTES, maxKeepMs: MAX_KEEP_MS, hosts: () => ['relay.example'] },
  )
  await copies.start()
})

afterEach(() => copies.stop())

/** Somebody, at an address of their own by default. */
async function asker(
  number: number,
  at = `/ip4/10.0.0.${number}`,
): Promise<(request: CopiesRequest) => Promise<CopiesResponse>> {
  const { peer } = await signerOf(number)
  const remoteAddr = multiaddr(`${at}/tcp/1/ws`)
  const connection = { remotePeer: peer, remoteAddr } as unknown as Connection
  const [near, far] = await streamPair()
  void serve(far, connection)
  const frames = lpStream(near)
  return async (request) => {
    await frames.write(COPIES.request.encode(request))
    return COPIES.response.decode((await frames.read()).subarray())
  }
}

function keep(number: number, forMs = MAX_KEEP_MS): CopiesRequest {
  return { type: 'keep', content: new Uint8Array(32).fill(number), bytes: SHARE_BYTES, forMs }
}

test('once all room is taken no more is kept, until some of it is free again', async () => {
  for (let number = 1; number <= 8; number += 1) {
    expect(await (await asker(number))(keep(number))).toMatchObject({ type: 'keeping' })
  }
  expect(copies.room.freeBytes).toBe(0)
  const late = await asker(9)
  expect(await late(keep(9))).toEqual({ type: 'refused', reason: 'full' })

  await (
    await asker(1)
  )({ type: 'release', content: new Uint8Array(32).fill(1) })
  expect(await late(keep(9))).toMatchObject({ type: 'keeping' })
})

test('one network has its share of a day, whoever asks and from which of its addresses', async () => {
  const [one, two] = [
    await asker(1, '/ip6/2001:db8:1:2::1'),
    await asker(2, '/ip6/2001:db8:1:2::2'),
  ]
  expect(await one(keep(1))).toMatchObject({ type: 'keeping' })
  expect(await two(keep(2))).toEqual({ type: 'refused', reason: 'too-much' })
  const elsewhere = await asker(3, '/ip6/2001:db8:1:3::1')
  expect(await elsewhere(keep(3))).toMatchObject({ type: 'keeping' })
})

test('a copy goes once all who wanted it have taken back what it is of', async () => {
  const takesBack = async (number: number): Promise<void> => {
    const { peer } = await signerOf(number)
    const subject = revocationSubjectOf(new Uint8Array(32).fill(1))
    tookBack.add(toBase64url(revocationKeyOf({ subject, peer })))
    clock.advance(COPIES_SWEEP_MS)
    await settled(20)
  }
  for (const number of [1, 2]) {
    expect(await (await asker(number))(keep(1))).toMatchObject({ type: 'keeping' })
  }
  await takesBack(3)
  expect(copies.size).toBe(1)
  await takesBack(1)
  expect(copies.size).toBe(1)
  await takesBack(2)
  expect(copies.size).toBe(0)
})

test('a copy goes after its time, unless somebody wants it longer', async () => {
  const forMs = 2 * COPIES_SWEEP_MS
  const untilMs = clock.now() + forMs
  expect(await (await asker(1))(keep(1, forMs))).toMatchObject({ type: 'keeping', untilMs })
  await (
    await asker(2)
  )(keep(2, forMs))
  await (
    await asker(3)
  )(keep(1, 2 * forMs))
  const kept = async (): Promise<number> => (await rows.all()).length
  const sweep = async (): Promise<void> => {
    clock.advance(COPIES_SWEEP_MS)
    await settled(20)
  }
  await sweep()
  expect(await kept()).toBe(2)
  await sweep()
  expect(await kept()).toBe(1)
  expect(copies.room.freeBytes).toBe(ROOM_BYTES - SHARE_BYTES)
  await sweep()
  await sweep()
  expect(await kept()).toBe(0)
  expect(copies.size).toBe(0)
})

test('who asks too often is told to wait, and answered in the next minute', async () => {
  const ask = await asker(1)
  for (let asked = 0; asked < MAX_COPY_REQUESTS_PER_MINUTE; asked += 1) {
    expect(await ask(keep(1))).toMatchObject({ type: 'keeping' })
  }
  expect(await ask(keep(1))).toEqual({ type: 'refused', reason: 'busy' })
  expect(await (await asker(2))(keep(2))).toMatchObject({ type: 'keeping' })
  clock.advance(60_000)
  expect(await (await asker(1))(keep(1))).toMatchObject({ type: 'keeping' })
})
