import { expect, test } from 'vitest'
import { CannotOpenError } from '#lib/crypto/errors.ts'
import { createSecrets, openIdentity } from '#lib/crypto/identity.ts'
import { RatchetSealer } from '#lib/delivery/ratchet-sealer.ts'
import { RECEIPT_LIFE_MS } from '#lib/delivery/receipts.ts'
import type { PeerIdString } from '#lib/protocol/ids.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { MemoryDeliveryStore } from '../../fixtures/memory-delivery-store.ts'
import { seededRandom } from '../../fixtures/seeded-random.ts'

const [anna, ben] = await Promise.all(
  [1, 2].map((seed) => openIdentity(createSecrets(seededRandom(seed)))),
)

function sealerOf(
  me: typeof anna,
  store: MemoryDeliveryStore,
  clock = new ManualClock(),
): RatchetSealer {
  return new RatchetSealer({
    identity: me!,
    sessions: store,
    prekeys: store,
    keyCommitmentOf: (peer: PeerIdString) => (peer === anna!.peer ? anna! : ben!).keyCommitment,
    clock,
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

test('what begins a session opens alone as long as the keys it is sealed for were taken lately', async () => {
  const clock = new ManualClock()
  const [annas, bens] = [new MemoryDeliveryStore(), new MemoryDeliveryStore()]
  const [atAnna, atBen] = [sealerOf(anna, annas, clock), sealerOf(ben, bens)]
  const seal = async (): Promise<Uint8Array> => {
    const { sealed, step } = (await atAnna.seal(ben!.peer, new Uint8Array(1)))!
    await annas.putStep(ben!.peer, step)
    return sealed
  }
  const begin = async (): Promise<void> => {
    await annas.putStep(ben!.peer, await atAnna.begin(ben!.peer, await atBen.give()))
  }
  await begin()
  clock.advance(RECEIPT_LIFE_MS - 1)
  const first = await seal()
  expect(await atAnna.openAlone(ben!.peer, [first])).toBe(true)
  clock.advance(1)
  // However lately it was sealed.
  expect(await atAnna.openAlone(ben!.peer, [first])).toBe(false)
  expect(await atAnna.openAlone(ben!.peer, [await seal()])).toBe(false)

  await begin()
  const second = await seal()
  expect(await atAnna.openAlone(ben!.peer, [second])).toBe(true)
  expect(await atAnna.openAlone(ben!.peer, [first, second])).toBe(false)
  // What Ben answers has him know the session: what is sealed in it from now on names nobody.
  await bens.putStep(anna!.peer, (await atBen.open(anna!.peer, second)).step)
  const answer = (await atBen.seal(anna!.peer, new Uint8Array(1)))!
  await annas.putStep(ben!.peer, (await atAnna.open(ben!.peer, answer.sealed)).step)
  expect(await atAnna.openAlone(ben!.peer, [await seal()])).toBe(false)
})
