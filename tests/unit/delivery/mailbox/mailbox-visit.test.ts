import { expect, test } from 'vitest'
import { createSecrets, openIdentity } from '#lib/crypto/identity.ts'
import { epochOf } from '#lib/crypto/mailbox-keys.ts'
import { SHORT_MESSAGE_BYTES } from '#lib/crypto/sessions.ts'
import { grant } from '#lib/delivery/mailbox/grant.ts'
import { LyingRelayError } from '#lib/delivery/mailbox/errors.ts'
import { MailboxVisits } from '#lib/delivery/mailbox/mailbox-visit.ts'
import { RelayMailboxes } from '#lib/delivery/mailbox/relay-mailboxes.ts'
import type { MailboxRelay } from '#lib/delivery/mailbox/store.ts'
import { toBase64url } from '#lib/protocol/base64url.ts'
import { peerIdOf, type PeerIdString } from '#lib/protocol/ids.ts'
import { itemId } from '#lib/protocol/mailbox.ts'
import { silentLogger } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { MemoryRelay, MemoryTransport } from '../../../fixtures/memory-relays.ts'
import { seededRandom } from '../../../fixtures/seeded-random.ts'

const { signal } = new AbortController()

async function scene() {
  const clock = new ManualClock()
  const random = seededRandom(1)
  const identity = await openIdentity(createSecrets(random))
  const relay = await MemoryRelay.of(1, clock)
  const epoch = epochOf(clock.now())
  const mailboxes = new RelayMailboxes(
    { transport: new MemoryTransport([relay], 'here'), clock },
    { origins: [relay.origin], key: null },
  )
  const taken: Uint8Array[] = []
  const senders = new Map<string, PeerIdString>()
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
        senders: () => Promise.resolve(senders),
        devices: {
          announcement: () => Promise.resolve(new Uint8Array(100)),
          hearOwn: () => Promise.resolve('this'),
        },
        wakes: () => false,
        take: (item) => {
          taken.push(item)
          return Promise.resolve('unopened')
        },
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
  const box = identity.contactsMailbox(epoch)
  const items = async (): Promise<Uint8Array[]> => {
    const entries = await relay.store.list(box.publicKey, 0, 100, clock.now())
    const found = await relay.store.read(
      box.publicKey,
      entries.map(({ number }) => number),
    )
    return [...found.values()]
  }
  return {
    box,
    clock,
    epoch,
    fresh,
    identity,
    items,
    mailboxes,
    random,
    relay,
    senders,
    taken,
    visits,
  }
}

test('a canary that was seen is not missed when that was not written down', async () => {
  const { fresh, visits } = await scene()
  const { relay: before } = await visits().visit(fresh, false, signal)
  expect(before.canary).not.toBeNull()
  const seen = await visits().visit(before, false, signal)
  expect(seen.relay.canary?.mark).not.toBe(before.canary?.mark)
  // The power goes before what was seen is on the disk.
  await expect(visits().visit(before, false, signal)).resolves.toBeDefined()
})

test('what I leave for myself has the form of a message', async () => {
  const { fresh, items, visits } = await scene()
  await visits().visit({ ...fresh, announced: null }, false, signal)
  const left = await items()
  expect(left.map(({ byteLength }) => byteLength)).toEqual([
    SHORT_MESSAGE_BYTES,
    SHORT_MESSAGE_BYTES,
  ])
  expect(left.map(([first]) => first)).toEqual([1, 1])
})

test('what lies under a contact’s name is from who has the key in their pass, or the relay lies', async () => {
  const { box, clock, epoch, fresh, identity, mailboxes, random, relay, senders, taken, visits } =
    await scene()
  const ben = peerIdOf(random.bytes(32))
  const name = identity.senderName(epoch, ben)
  senders.set(toBase64url(name), ben)
  const item = random.bytes(400)
  const bens = await grant(box, epoch, name, identity.senderSecret(epoch, ben))
  await mailboxes.put(box.publicKey, bens, item, signal)
  await visits().visit(fresh, false, signal)
  expect(taken).toContainEqual(item)
  const rubbish = random.bytes(400)
  await relay.store.put({
    ...{ mailbox: box.publicKey, sender: name, proof: random.bytes(64) },
    ...{ id: itemId(rubbish), bytes: rubbish },
    ...{ storedAtMs: clock.now(), expiresAtMs: clock.now() + 60_000 },
  })
  await expect(visits().visit(fresh, false, signal)).rejects.toThrow(LyingRelayError)
  expect(taken).not.toContainEqual(rubbish)
})

test('what does not open under a name that I do not know stays, until there may be somebody called so', async () => {
  const { box, clock, fresh, items, mailboxes, random, taken, visits } = await scene()
  const mine = await grant(box, epochOf(clock.now()), random.bytes(16), random.bytes(32))
  const item = random.bytes(400)
  await mailboxes.put(box.publicKey, mine, item, signal)
  const visit = visits()
  for (let time = 0; time < 2; time += 1) await visit.visit(fresh, true, signal)
  const tries = () => taken.filter(({ byteLength }) => byteLength === item.byteLength)
  expect(tries()).toEqual([item])
  expect(await items()).toContainEqual(item)
  visit.lookAgain()
  await visit.visit(fresh, true, signal)
  expect(tries()).toEqual([item, item])
})
