import { afterEach, beforeEach, expect, test } from 'vitest'
import { EPOCH_MS, epochOf } from '#lib/crypto/mailbox-keys.ts'
import type { WakeUpsState } from '#lib/delivery/mailbox/wake-ups.ts'
import { toBase64url } from '#lib/protocol/base64url.ts'
import { LOOKED_PAUSE_MS } from '#relay/limits.ts'
import { FakeNetwork, settled } from '../../../fixtures/fake-network.ts'
import { FakePush } from '../../../fixtures/fake-push.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { MemoryRelay } from '../../../fixtures/memory-relays.ts'
import { person, reopened, type Person } from '../../../fixtures/person.ts'

const HOUR_MS = 60 * 60_000

let clock: ManualClock
let network: FakeNetwork
/** The first wakes nobody. */
let relays: [MemoryRelay, MemoryRelay, MemoryRelay]
let pushes: [FakePush, FakePush]
let anna: Person

beforeEach(async () => {
  clock = new ManualClock()
  network = new FakeNetwork()
  pushes = [new FakePush(2), new FakePush(3)]
  relays = [
    await MemoryRelay.of(1, clock),
    await MemoryRelay.of(2, clock, pushes[0]),
    await MemoryRelay.of(3, clock, pushes[1]),
  ]
  anna = await person(network, clock, 'Anna', relays)
})

afterEach(async () => {
  await anna.stop()
})

const state = (): WakeUpsState => anna.chat.mailboxes.wakeUps.state
const key = (number: 0 | 1): string => toBase64url(pushes[number].publicKey)
const at = (number: 0 | 1, name = 'me') => ({ endpoint: `https://push/${name}`, key: key(number) })

/** Lets time pass until this holds; as long as its test may run, for signatures take real time. */
async function comes(holds: () => Promise<boolean> | boolean, stepMs = 1_000): Promise<void> {
  while (!(await holds())) {
    clock.advance(stepMs)
    await settled(20)
  }
}

/** Where a relay wakes for my mailboxes of an epoch. */
async function wakes(relay: MemoryRelay, epoch: number): Promise<(string | null)[]> {
  const identity = (await anna.profile.identity())!
  const boxes = [identity.contactsMailbox(epoch), identity.introductionMailbox(epoch)]
  const found = await Promise.all(
    boxes.map(({ publicKey }) => relay.store.wake(publicKey, clock.now())),
  )
  return found.map((wake) => wake?.endpoint ?? null)
}

const asked = (): Promise<void> => comes(() => state().asked)
const told = (relay: MemoryRelay): Promise<void> => comes(() => state().relay === relay.address)

test('the first relay that wakes is told, for the mailboxes of this epoch and the next', async () => {
  await asked()
  expect(state()).toMatchObject({ address: null, key: key(0), relay: null })
  await anna.chat.mailboxes.wakeAt(at(0))
  await told(relays[1])
  const epoch = epochOf(clock.now())
  const mine = ['https://push/me', 'https://push/me']
  expect(await wakes(relays[1], epoch)).toEqual(mine)
  expect(await wakes(relays[1], epoch + 1)).toEqual(mine)
  expect(await wakes(relays[2], epoch)).toEqual([null, null])
})

test('it is told again as mailboxes change', async () => {
  await anna.chat.mailboxes.wakeAt(at(0))
  await told(relays[1])
  const epoch = epochOf(clock.now())
  clock.sleep(EPOCH_MS)
  await comes(async () => (await wakes(relays[1], epoch + 2))[0] === 'https://push/me')
})

test('switched off, it wakes for none of them, also where that was said just before', async () => {
  await anna.chat.mailboxes.wakeAt(at(0))
  await told(relays[1])
  const epoch = epochOf(clock.now())
  await anna.chat.mailboxes.wakeAt(null)
  expect(state()).toMatchObject({ address: null, relay: null })
  for (const each of [epoch, epoch + 1]) {
    await comes(async () => (await wakes(relays[1], each)).every((endpoint) => endpoint === null))
  }
  await anna.chat.mailboxes.wakeAt(at(0, 'again'))
  await comes(async () => (await wakes(relays[1], epoch))[1] === 'https://push/again')
})

test('when it keeps my mailboxes no more, a subscription for another is asked for', async () => {
  await anna.chat.mailboxes.wakeAt(at(0))
  await told(relays[1])
  relays[1].store.loses = true
  await comes(() => state().key === key(1))
  expect(state()).toMatchObject({ address: at(0), relay: null })
  await anna.chat.mailboxes.wakeAt(at(1))
  await told(relays[2])
})

test('after a restart it is known who wakes, before anybody was asked', async () => {
  await anna.chat.mailboxes.wakeAt(at(1))
  await told(relays[2])
  await anna.stop()
  for (const relay of relays) relay.up = false
  anna = await reopened(network, clock, anna.db, relays)
  expect(state()).toMatchObject({ address: at(1), key: key(1), relay: relays[2].address })
})

test('a relay that does not take the address is said to', async () => {
  await asked()
  await anna.chat.mailboxes.wakeAt({ endpoint: 'http://push', key: key(0) })
  await comes(() => state().refused)
  expect(state().relay).toBeNull()
})

test('what one leaves in a mailbox of one’s own wakes nobody', async () => {
  await anna.chat.mailboxes.wakeAt(at(0))
  await told(relays[1])
  const canary = async () => (await anna.db.mailboxRelays.get(relays[1].address))?.canary ?? null
  const first = await canary()
  await comes(async () => {
    const now = await canary()
    return now !== null && now.mark !== first?.mark
  }, 60_000)
  clock.advance(LOOKED_PAUSE_MS)
  await settled(20)
  expect(pushes[0].sent).toEqual([])
})

test('a push has all relays visited, and ends when each was or did not answer', async () => {
  await asked()
  clock.advance(HOUR_MS)
  await settled(50)
  relays[0].up = false
  let visited = false
  const visiting = anna.chat.mailboxes.visit().then(() => (visited = true))
  await comes(() => visited, 0)
  await visiting
})
