import { expect, test } from 'vitest'
import { sealPeerRecord } from '#lib/protocol/peer-record.ts'
import { PeerRecords } from '#relay/dht/peer-records.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { signerOf } from '../../fixtures/signers.ts'

test('as many records are held as allowed; for the next the one published longest ago goes', async () => {
  const clock = new ManualClock()
  const records = new PeerRecords({ clock }, { max: 3 })
  const publish = async (seed: number) => {
    const { peer, ...signer } = await signerOf(seed)
    const [sequence, expiresAtMs] = [clock.now(), clock.now() + 60_000]
    await records.put(await sealPeerRecord({ peer, relays: [], sequence, expiresAtMs }, signer))
    return peer
  }
  const [ada, bob, eve] = [await publish(1), await publish(2), await publish(3)]
  await publish(1)
  const held = () => [ada, bob, eve].filter((peer) => records.get(peer) !== null)
  expect(held()).toEqual([ada, bob, eve])

  const dan = await publish(4)

  expect(held()).toEqual([ada, eve])
  expect(records.get(dan)).not.toBeNull()
})
