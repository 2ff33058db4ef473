import { expect, test } from 'vitest'
import { cardFragment, sealCard } from '#lib/features/contacts/card.ts'
import { ExpiredCodeError } from '#lib/features/contacts/errors.ts'
import { invitations } from '#lib/features/contacts/index.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { signerOf } from '../../../fixtures/signers.ts'

test('who invites is known before there is anybody here', async () => {
  const clock = new ManualClock()
  const anna = await signerOf(1)
  const expiresAtMs = clock.now() + 60_000
  const card = await sealCard(
    { peer: anna.peer, name: 'Anna', keyCommitment: new Uint8Array(32), relays: [], expiresAtMs },
    anna,
  )
  const link = `https://starling.example/${cardFragment(card)}`

  expect(await invitations()({ clock }).read(link)).toEqual({ peer: anna.peer, name: 'Anna' })

  clock.advance(60_001)
  await expect(invitations()({ clock }).read(link)).rejects.toThrow(ExpiredCodeError)
})
