import { expect, test } from 'vitest'
import { createSecrets, openIdentity } from '#lib/crypto/identity.ts'
import { epochOf } from '#lib/crypto/mailbox-keys.ts'
import { MailboxVisits } from '#lib/delivery/mailbox/mailbox-visit.ts'
import { RelayMailboxes } from '#lib/delivery/mailbox/relay-mailboxes.ts'
import type { MailboxRelay } from '#lib/delivery/mailbox/store.ts'
import { silentLogger } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { MemoryRelay, MemoryTransport } from '../../../fixtures/memory-relays.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'

const { signal } = new AbortController()

test('a canary that was seen is not missed when that was not written down', async () => {
  const clock = new ManualClock()
  const random = seededRandom(1)
  const identity = await openIdentity(createSecrets(random))
  const relay = await MemoryRelay.of(1, clock)
  const epoch = epochOf(clock.now())
  const mailboxes = new RelayMailboxes(
    { transport: new MemoryTransport([relay], 'here'), clock },
    { origins: [relay.origin], key: null },
  )
  const visits = (): MailboxVisits =>
    new MailboxVisits(
      {
        identity,
        sealer: { publish: () => Promise.reject(new Error('published already')) },
        clock,
        // A canary at each visit.
        random: { ...random, bytes: (count) => random.bytes(count), fraction: () => 0 },
        logger: silentLogger,
      },
      {
        mailboxes,
        senders: () => Promise.resolve(new Map()),
        devices: {
          announcement: () => Promise.resolve(new Uint8Array()),
          hearOwn: () => Promise.resolve('this'),
        },
        wakes: () => false,
        take: () => Promise.resolve('taken'),
      },
    )
  const fresh: MailboxRelay = {
    address: relay.address,
    key: new Uint8Array(32),
    store: 'store',
    sinceMs: clock.now(),
    retiredAtMs: null,
    caught: false,
    announced: epoch,
    published: { epoch, atMs: clock.now() },
    canary: null,
  }
  const { relay: before } = await visits().visit(fresh, false, signal)
  expect(before.canary).not.toBeNull()
  const seen = await visits().visit(before, false, signal)
  expect(seen.relay.canary?.mark).not.toBe(before.canary?.mark)
  // The power goes before what was seen is on the disk.
  await expect(visits().visit(before, false, signal)).resolves.toBeDefined()
})
