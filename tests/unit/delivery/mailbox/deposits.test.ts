import { expect, test } from 'vitest'
import { epochsWithin } from '#lib/crypto/mailbox-keys.ts'
import { BUNDLE_LIFE_MS } from '#lib/crypto/prekeys.ts'
import type { Outgoing } from '#lib/delivery/chain.ts'
import { Deposits, GRACE_MS, type DepositsInit } from '#lib/delivery/mailbox/deposits.ts'
import { chainIdOf } from '#lib/protocol/ids.ts'
import { storesOf } from '#lib/delivery/receipts.ts'
import type { Receipt } from '#lib/db/schema.ts'
import type { MailboxCall } from '#lib/delivery/mailbox/transport.ts'
import { settled, silentLogger } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { MemoryRelay, MemoryTransport } from '../../../fixtures/memory-relays.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'
import { signerOf } from '../../../fixtures/signers.ts'

const PEER = (await signerOf(2)).peer
const KEY_COMMITMENT = new Uint8Array(32).fill(3)

/** The first byte of what begins a session (crypto/sessions.ts). */
const OPENING = 2

const clock = new ManualClock()
const relays = await Promise.all([1, 2].map((number) => MemoryRelay.of(number, clock)))

function message(sealed: Uint8Array | null): Outgoing {
  return {
    peer: PEER,
    chain: chainIdOf(new Uint8Array(16)),
    sequence: 1,
    id: 'message' as Outgoing['id'],
    intent: 'intent',
    envelope: new Uint8Array([1]),
    sealed,
    receipts: [],
  }
}

/** One message waits for somebody asleep. */
function depositsOf(
  waiting: Outgoing,
  delivery: Partial<DepositsInit['delivery']>,
  at: readonly MemoryRelay[] = relays,
) {
  const asked: MailboxCall[] = []
  const transport = new MemoryTransport(at, 'here')
  const deposits = new Deposits(
    {
      transport: {
        call: (...request) => {
          asked.push(request[1])
          return transport.call(...request)
        },
      },
      clock,
      random: seededRandom(1),
      logger: silentLogger,
    },
    {
      delivery: {
        talksWith: () => false,
        waiting: () => Promise.resolve([PEER]),
        lacking: () => Promise.resolve([waiting]),
        owed: () => Promise.resolve([]),
        seal: () => Promise.resolve(null),
        sealOwed: () => Promise.resolve(null),
        kept: () => Promise.resolve(),
        keptOwed: () => Promise.resolve(),
        openAlone: () => Promise.resolve(true),
        beginAnew: () => Promise.resolve(),
        settleOwed: () => Promise.resolve(),
        placeOf: () => Promise.resolve(null),
        ...delivery,
      },
      follow: () => Promise.resolve([]),
      contactable: () => ({ relays: [relays[0]!.address], keyCommitment: KEY_COMMITMENT }),
    },
  )
  return { deposits, asked }
}

test('a relay that has no keys of theirs to seal with, of any epoch in which they could be left, is asked again', async () => {
  const { deposits, asked } = depositsOf(message(null), {})
  await deposits.start()
  const takes = (): number => asked.filter((call) => call === 'take').length
  const epochs = epochsWithin(BUNDLE_LIFE_MS, clock.now()).length
  clock.advance(2 * GRACE_MS)
  await expect.poll(takes).toBe(epochs)
  await settled(20)
  clock.advance(60_000)
  await expect.poll(takes).toBe(2 * epochs)
  await deposits.stop()
  expect(clock.pending).toBe(0)
})

test('of what is put, two relays are to make it stored when they have told of a second meanwhile', async () => {
  const keys = await Promise.all([101, 102].map((number) => signerOf(number)))
  const places = relays.map(({ address }, at) => ({ address, key: keys[at]!.publicKey }))
  const wanted: number[] = []
  let known = places.slice(0, 1)
  const { deposits } = depositsOf(message(new Uint8Array(2_000).fill(OPENING)), {
    placeOf: () => Promise.resolve({ relays: known, passes: [] }),
    lacking: (_peer, limit) => {
      // What they told came between choosing relays and putting there.
      if (limit > 1) known = places
      return Promise.resolve([message(new Uint8Array(2_000).fill(OPENING))])
    },
    kept: (_outgoing, _sealed, _receipt, stores) => {
      wanted.push(stores)
      return Promise.resolve()
    },
  })
  await deposits.start()
  clock.advance(2 * GRACE_MS)
  await expect.poll(() => wanted).toEqual([2])
  await deposits.stop()
})

test('two relays of one store are one of the two stores that are to make it stored', async () => {
  const three = await Promise.all([
    MemoryRelay.of(1, clock),
    MemoryRelay.of(2, clock, { host: 'same.example', storeNumber: 1 }),
    MemoryRelay.of(3, clock),
  ])
  const keys = await Promise.all([101, 102, 103].map((number) => signerOf(number)))
  const places = three.map(({ address }, at) => ({ address, key: keys[at]!.publicKey }))
  const receipts: Receipt[] = []
  let wanted = 0
  const opening = message(new Uint8Array(2_000).fill(OPENING))
  const { deposits } = depositsOf(
    opening,
    {
      placeOf: () => Promise.resolve({ relays: places, passes: [] }),
      lacking: () => Promise.resolve([{ ...opening, receipts }]),
      kept: (_outgoing, _sealed, receipt, stores) => {
        receipts.push(receipt)
        wanted = stores
        return Promise.resolve()
      },
    },
    three,
  )
  three[2].up = false
  await deposits.start()
  clock.advance(2 * GRACE_MS)
  await expect.poll(() => receipts.length).toBe(2)
  expect(wanted).toBe(2)
  expect(storesOf(receipts)).toBe(1)

  three[2].up = true
  clock.advance(60_000)
  await expect.poll(() => storesOf(receipts)).toBe(2)
  await deposits.stop()
})
