import type { Connection, StreamHandler } from '@libp2p/interface'
import { lpStream, streamPair } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { type PeerIdString, peerIdOf } from '#lib/protocol/ids.ts'
import {
  MAX_NEARBY_PEOPLE,
  MAX_NEARBY_REQUESTS_PER_MINUTE,
  NEARBY,
  NEARBY_LIFE_MS,
  type NearbyRequest,
  type NearbyResponse,
} from '#lib/protocol/nearby.ts'
import { MAX_NEARBY_SHOWN } from '#relay/limits.ts'
import { Nearby } from '#relay/nearby.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { CountingRefusals } from './counting-refusals.ts'

const peerOf = (n: number): PeerIdString => {
  const key = new Uint8Array(32)
  new DataView(key.buffer).setUint32(0, n)
  return peerIdOf(key)
}
const [ANNA, BORIS, CLARA] = [1, 2, 3].map(peerOf) as [PeerIdString, PeerIdString, PeerIdString]
const HOME = '192.0.2.7'
const CARD = Uint8Array.of(1, 2, 3)

/** A relay on a clock that stands still, and a way to ask it from any address. */
async function relay() {
  const clock = new ManualClock()
  const refusals = new CountingRefusals()
  let serve: StreamHandler | null = null
  const nearby = new Nearby({
    libp2p: {
      handle: (_protocol, handler) => {
        serve = handler
        return Promise.resolve()
      },
      unhandle: () => Promise.resolve(),
    },
    clock,
    refusals,
  })
  await nearby.start()
  const ask = async (
    peer: PeerIdString,
    request: NearbyRequest,
    from = HOME,
  ): Promise<NearbyResponse> => {
    const [near, far] = await streamPair()
    const remoteAddr = multiaddr(`/${from.includes(':') ? 'ip6' : 'ip4'}/${from}/tcp/1000/ws`)
    void serve?.(far, { remotePeer: peer, remoteAddr } as unknown as Connection)
    const frames = lpStream(near)
    await frames.write(NEARBY.request.encode(request))
    return NEARBY.response.decode((await frames.read()).subarray())
  }
  const seen = async (peer: PeerIdString, from = HOME): Promise<PeerIdString[]> => {
    const answer = await ask(peer, { type: 'show', card: CARD }, from)
    return answer.type === 'people' ? answer.people.map((each) => each.peer) : []
  }
  return { clock, refusals, ask, seen }
}

test('who show themselves from one address are told of each other, with their cards', async () => {
  const { ask } = await relay()
  expect(await ask(ANNA, { type: 'show', card: CARD })).toEqual({ type: 'people', people: [] })
  expect(await ask(BORIS, { type: 'show', card: Uint8Array.of(9) })).toEqual({
    type: 'people',
    people: [{ peer: ANNA, card: CARD }],
  })
  expect(await ask(ANNA, { type: 'show', card: CARD })).toEqual({
    type: 'people',
    people: [{ peer: BORIS, card: Uint8Array.of(9) }],
  })
})

test('nobody elsewhere is told; an IPv6 network is one place', async () => {
  const { seen } = await relay()
  await seen(ANNA)
  expect(await seen(BORIS, '192.0.2.8')).toEqual([])
  await seen(ANNA, '2001:db8:1:2::1')
  expect(await seen(BORIS, '2001:db8:1:2:ffff::1')).toEqual([ANNA])
  expect(await seen(CLARA, '2001:db8:1:3::1')).toEqual([])
})

test('who hides, or asks no more, is told of no longer', async () => {
  const { clock, ask, seen } = await relay()
  await seen(ANNA)
  await ask(ANNA, { type: 'hide' })
  expect(await seen(BORIS)).toEqual([])
  clock.advance(NEARBY_LIFE_MS)
  expect(await seen(CLARA)).toEqual([])
  expect(await seen(ANNA)).toEqual([CLARA])
})

test('nobody can hide somebody else', async () => {
  const { ask, seen } = await relay()
  await seen(ANNA)
  await ask(BORIS, { type: 'hide' })
  expect(await seen(CLARA)).toEqual([ANNA])
})

test('a crowd at one address is no place to find somebody', async () => {
  const { refusals, ask, seen } = await relay()
  for (let n = 0; n < MAX_NEARBY_PEOPLE; n += 1) await seen(peerOf(100 + n))
  expect(await ask(ANNA, { type: 'show', card: CARD })).toEqual({
    type: 'refused',
    reason: 'crowded',
  })
  expect(refusals.counted).toEqual(['nearby-crowded'])
  expect(await seen(BORIS, '192.0.2.8')).toEqual([])
})

test('one peer asks so often and no more', async () => {
  const { refusals, ask, seen } = await relay()
  for (let n = 0; n < MAX_NEARBY_REQUESTS_PER_MINUTE; n += 1) await seen(ANNA)
  expect(await ask(ANNA, { type: 'show', card: CARD })).toEqual({ type: 'refused', reason: 'busy' })
  expect(refusals.counted).toEqual(['nearby-busy'])
})

test('all together are bounded, and those who asked long ago make room', async () => {
  const { clock, ask, seen } = await relay()
  for (let n = 0; n < MAX_NEARBY_SHOWN; n += 1) {
    await seen(peerOf(100 + n), `10.0.${n >> 8}.${n & 255}`)
  }
  const full = await ask(ANNA, { type: 'show', card: CARD })
  expect(full).toEqual({ type: 'refused', reason: 'crowded' })
  clock.advance(NEARBY_LIFE_MS)
  expect(await ask(ANNA, { type: 'show', card: CARD })).toEqual({ type: 'people', people: [] })
})
