import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Nearby } from '#lib/features/contacts/api.ts'
import { NEARBY_LOOK_MS, PACE_MS } from '#lib/features/contacts/nearby.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { NEARBY, type NearbyRequest, type NearbyResponse } from '#lib/protocol/nearby.ts'
import { base64url } from 'multiformats/bases/base64'
import { FakeNetwork, settled } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { befriend, person, type Person } from '../../../fixtures/person.ts'

const RELAY = 'relay.example'

let clock: ManualClock
let network: FakeNetwork
let anna: Person
let ben: Person
/** What Anna asked the relay. */
let asked: NearbyRequest['type'][]
/** What the relay tells her. */
let told: NearbyResponse

const people = (...all: { peer: PeerIdString; card: Uint8Array }[]): NearbyResponse => ({
  type: 'people',
  people: all,
})

const cardOf = async (who: Person): Promise<Uint8Array> =>
  base64url.decode(`u${(await who.code()).slice('#/c/'.length)}`)

beforeEach(async () => {
  clock = new ManualClock()
  network = new FakeNetwork()
  anna = await person(network, clock, 'Anna')
  ben = await person(network, clock, 'Ben')
  asked = []
  told = people()
  anna.host.network.reserved = [RELAY]
  anna.host.network.answers = (_, protocol, request) => {
    if (protocol !== NEARBY.protocol) return Promise.reject(new Error('not asked here'))
    asked.push((request as NearbyRequest).type)
    return Promise.resolve(told)
  }
})

afterEach(async () => {
  await anna.stop()
  await ben.stop()
  expect(clock.pending).toBe(0)
})

/** What Anna sees first that holds; then she looks away. Time passes from one state to the next. */
async function seen(
  holds: (nearby: Nearby) => boolean,
  passes = (): number => PACE_MS,
): Promise<Nearby> {
  for await (const nearby of anna.contacts.watchNearby()) {
    if (holds(nearby)) return nearby
    const ms = passes()
    // Once it is waited for.
    setImmediate(() => {
      clock.advance(ms)
    })
  }
  throw new Error('it ended')
}

test('who is nearby is shown by the card they have signed, and can be added by it', async () => {
  told = people({ peer: ben.peer, card: await cardOf(ben) })
  const { people: found } = await seen(({ people: all }) => all.length > 0)
  expect(found).toEqual([{ peer: ben.peer, name: 'Ben', code: await ben.code(), isContact: false }])
  expect(await anna.contacts.preview(found[0]!.code)).toMatchObject({ peer: ben.peer, name: 'Ben' })
})

test('nobody sees me before I look, nor after', async () => {
  await settled()
  expect(asked).toEqual([])
  await seen(({ relays }) => relays === 'tell')
  await settled()
  expect(asked).toEqual(['show', 'hide'])
  clock.advance(3 * NEARBY_LOOK_MS)
  await settled()
  expect(asked).toEqual(['show', 'hide'])
})

test('it is asked again as long as I look', async () => {
  const card = await cardOf(ben)
  const { people: found } = await seen(
    ({ people: all }) => all.length > 0,
    () => {
      if (asked.length === 0) return PACE_MS
      told = people({ peer: ben.peer, card })
      return NEARBY_LOOK_MS
    },
  )
  expect(found).toHaveLength(1)
  expect(asked.filter((type) => type === 'show').length).toBeGreaterThan(1)
})

test('a relay cannot put the card of one in the place of another, nor mine, nor bytes', async () => {
  const clara = await person(network, clock, 'Clara')
  told = people(
    { peer: clara.peer, card: await cardOf(ben) },
    { peer: anna.peer, card: await cardOf(anna) },
    { peer: ben.peer, card: Uint8Array.of(1, 2, 3) },
  )
  expect(await seen(({ relays }) => relays === 'tell')).toEqual({ people: [], relays: 'tell' })
  await clara.stop()
})

test('contacts are named as such, and who is blocked is not shown', async () => {
  await befriend(network, anna, ben)
  told = people({ peer: ben.peer, card: await cardOf(ben) })
  const { people: found } = await seen(({ people: all }) => all.length > 0)
  expect(found[0]).toMatchObject({ isContact: true })
  await anna.contacts.block(ben.peer)
  expect((await seen(({ relays }) => relays === 'tell')).people).toEqual([])
})

test('a crowd, and a relay that does not answer, are told apart', async () => {
  told = { type: 'refused', reason: 'crowded' }
  expect(await seen(({ relays }) => relays === 'refuse')).toMatchObject({ people: [] })
  anna.host.network.answers = () => Promise.reject(new Error('gone'))
  expect(await seen(({ relays }) => relays === 'none')).toMatchObject({ people: [] })
})
