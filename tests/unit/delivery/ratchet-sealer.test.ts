import { expect, test } from 'vitest'
import { CannotOpenError } from '#lib/crypto/errors.ts'
import { createSecrets, openIdentity } from '#lib/crypto/identity.ts'
import { RatchetSealer } from '#lib/delivery/ratchet-sealer.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { MemoryDeliveryStore } from '../../fixtures/memory-delivery-store.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const [anna, ben] = await Promise.all(
  [1, 2].map((seed) => openIdentity(createSecrets(seededRandom(seed)))),
)

function sealerOf(me: typeof anna, store: MemoryDeliveryStore): RatchetSealer {
  return new RatchetSealer({
    identity: me!,
    sessions: store,
    prekeys: store,
    keyCommitmentOf: (peer: PeerIdString) => (peer === anna!.peer ? anna! : ben!).keyCommitment,
    clock: new ManualClock(),
    random: seededRandom(3),
  })
}

test('every message that begins a session is its sender’s, also when the first has used the prekey up', async () => {
  const [annas, bens] = [new MemoryDeliveryStore(), new MemoryDeliveryStore()]
  const [atAnna, atBen] = [sealerOf(anna, annas), sealerOf(ben, bens)]
  await annas.putStep(ben!.peer, await atAnna.begin(ben!.peer, await atBen.give()))
  const seal = async (text: string): Promise<Uint8Array> => {
    const { sealed, step } = (await atAnna.seal(ben!.peer, new TextEncoder().encode(text)))!
    await annas.putStep(ben!.peer, step)
    return sealed
  }
  const [first, second] = [await seal('first'), await seal('second')]

  expect(await atBen.whose(first, [])).toBe(anna!.peer)
  await bens.putStep(anna!.peer, (await atBen.open(anna!.peer, first)).step)
  await expect(atBen.whose(second, [])).rejects.toThrow(CannotOpenError)
  expect(await atBen.whose(second, [anna!.peer])).toBe(anna!.peer)
  const { content } = await atBen.open(anna!.peer, second)
  expect(new TextDecoder().decode(content)).toBe('second')
})
