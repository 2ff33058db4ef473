import { expect, test } from 'vitest'
import { freshChains, MAX_CLOCK_JUMP, type Chains, type Outgoing } from '#lib/delivery/chain.ts'
import {
  decodeEnvelope,
  encodeEnvelope,
  messageId,
  saidIn,
  type Envelope,
} from '#lib/delivery/envelope.ts'
import { carryOver, MAX_ENDED_CHAINS, placeAfter, renew, SAID_SINCE } from '#lib/delivery/renew.ts'
import { createSecrets, openIdentity } from '#lib/crypto/identity.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const random = seededRandom(1)
const me = (await openIdentity(createSecrets(random))).peer
const peer = (await openIdentity(createSecrets(random))).peer

/** Three were said, and they hold one of them. */
const before: Chains = (() => {
  const fresh = freshChains(peer, random)
  return { ...fresh, clock: 9, mine: { ...fresh.mine, sequence: 3, received: 1, read: 1 } }
})()

function waiting(sequence: number): Outgoing {
  const { chain } = before.mine
  const envelope = encodeEnvelope({
    ...{ chain, sequence, previous: null, parent: null, clock: 5 + sequence, sentAtMs: 7 },
    payload: Uint8Array.of(sequence),
  })
  const id = messageId(me, peer, envelope)
  return { peer, chain, sequence, id, intent: `i${sequence}`, envelope, sealed: null, receipts: [] }
}

test('what is said in the new chain is later than all that may have been said since', () => {
  const { chains, outgoing } = carryOver(me, renew(before, random), waiting(2), 9)
  expect(chains.clock).toBe(9 + SAID_SINCE + 1)
  expect(decodeEnvelope(outgoing.envelope).clock).toBe(chains.clock)
  expect(SAID_SINCE).toBeLessThan(MAX_CLOCK_JUMP)
})

test('a message carried over keeps its id, its time and its place among the others', () => {
  let chains = renew(before, random)
  for (const sequence of [2, 3]) {
    const row = waiting(sequence)
    const carried = carryOver(me, chains, row, 9)
    chains = carried.chains
    const { outgoing } = carried
    const envelope = decodeEnvelope(outgoing.envelope)
    expect(saidIn(me, peer, outgoing.id, envelope)).toEqual({
      ...{ id: row.id, clock: 5 + sequence, sentAtMs: 7, payload: Uint8Array.of(sequence) },
    })
    expect(placeAfter(chains, row)).toMatchObject({
      chain: outgoing.chain,
      sequence: outgoing.sequence,
    })
  }
  expect(placeAfter(chains, waiting(1))).toEqual(waiting(1))
})

test('what carries it is of the time when it was carried over', () => {
  const { outgoing } = carryOver(me, renew(before, random), waiting(2), 9)
  expect(decodeEnvelope(outgoing.envelope).sentAtMs).toBe(9)
})

test('carried over twice it is carried once', () => {
  const first = carryOver(me, renew(before, random), waiting(2), 9)
  const again = carryOver(me, renew(first.chains, random), first.outgoing, 9)
  const envelope = decodeEnvelope(again.outgoing.envelope)
  expect(saidIn(me, peer, again.outgoing.id, envelope)?.id).toBe(waiting(2).id)
})

test('what carries what carries, or what is later than itself, is refused', () => {
  const { outgoing } = carryOver(me, renew(before, random), waiting(2), 9)
  const outer = decodeEnvelope(outgoing.envelope)
  const { envelope } = outgoing
  const nested: Envelope = { ...outer, clock: outer.clock + 1, payload: { envelope } }
  expect(() => saidIn(me, peer, outgoing.id, nested)).toThrow('carries what it cannot')
  expect(() => saidIn(me, peer, outgoing.id, { ...outer, clock: 7 })).toThrow(
    'carries what it cannot',
  )
})

test('the ended chains that are remembered are bounded', () => {
  let chains = before
  for (let times = 0; times < MAX_ENDED_CHAINS + 3; times += 1) chains = renew(chains, random)
  expect(chains.ended).toHaveLength(MAX_ENDED_CHAINS)
})
