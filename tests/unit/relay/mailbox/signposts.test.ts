import { expect, test } from 'vitest'
import { findCodec, sealSignpost } from '#lib/protocol/signpost.ts'
import { MAX_SIGNPOST_LOOKUPS_PER_MINUTE, MAX_SIGNPOSTS_PER_HOUR } from '#relay/limits.ts'
import { Signposts } from '#relay/mailbox/signposts.ts'
import { silentLogger } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { signerOf } from '../../../fixtures/signers.ts'

const owner = await signerOf(1)
const clock = new ManualClock()
const signposts = (): Signposts => new Signposts({ dht: () => null, clock, log: silentLogger })

test('one address puts up so many signposts an hour', async () => {
  const relay = signposts()
  const signpost = await sealSignpost(
    {
      mailbox: owner.publicKey,
      sealed: new Uint8Array(9),
      sequence: clock.now(),
      expiresAtMs: clock.now() + 60_000,
    },
    owner,
  )
  for (let count = 0; count < MAX_SIGNPOSTS_PER_HOUR; count++) await relay.point(signpost, 'here')
  await expect(relay.point(signpost, 'here')).rejects.toMatchObject({ refusal: 'mailbox-requests' })
  await relay.point(signpost, 'elsewhere')
})

test('one address looks for so many signposts a minute', async () => {
  const relay = signposts()
  const find = (source: string): Promise<unknown> =>
    relay.find(findCodec.encode([owner.publicKey]), source)
  for (let count = 0; count < MAX_SIGNPOST_LOOKUPS_PER_MINUTE; count++) {
    await expect(find('here')).rejects.toMatchObject({ refusal: 'mailbox-no-signpost' })
  }
  await expect(find('here')).rejects.toMatchObject({ refusal: 'mailbox-requests' })
  await expect(find('elsewhere')).rejects.toMatchObject({ refusal: 'mailbox-no-signpost' })
})
