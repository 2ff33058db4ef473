import { afterEach, beforeEach, expect, test } from 'vitest'
import { EPOCH_MS, epochOf } from '#lib/crypto/mailbox-keys.ts'
import { RefusedError } from '#lib/delivery/mailbox/errors.ts'
import type { WakeUpsStore } from '#lib/delivery/mailbox/store.ts'
import { WakeUps, type WakeUpsState, type WakingRelay } from '#lib/delivery/mailbox/wake-ups.ts'
import { toBase64url } from '#lib/protocol/base64url.ts'
import type { Refusal } from '#lib/protocol/mailbox.ts'
import { LOOKED_PAUSE_MS } from '#relay/limits.ts'
import { FakeNetwork, settled, silentLogger } from '../../../fixtures/fake-network.ts'
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
    await MemoryRelay.of(2, clock, { push: pushes[0] }),
    await MemoryRelay.of(3, clock, { push: pushes[1] }),
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

test('a relay that fell silent halfway is told, too, when it is to wake no longer', async () => {
  await asked()
  const [, relay] = relays
  const wakeAt = relay.store.wakeAt.bind(relay.store)
  relay.store.wakeAt = async (...wake) => {
    await wakeAt(...wake)
    relay.up = false
  }
  await anna.chat.mailboxes.wakeAt(at(0))
  await comes(() => !relay.up)
  relay.store.wakeAt = wakeAt
  const epoch = epochOf(clock.now())
  expect(await wakes(relay, epoch)).toContain('https://push/me')
  await anna.chat.mailboxes.wakeAt(null)
  relay.up = true
  await comes(async () => (await wakes(relay, epoch)).every((endpoint) => endpoint === null))
})

test('a relay that cannot be told is not visited more often for it', async () => {
  await asked()
  let asks = 0
  relays[1].store.wakeAt = () => {
    asks += 1
    relays[1].up = false
    return Promise.resolve()
  }
  await anna.chat.mailboxes.wakeAt(at(0))
  await comes(() => asks > 0)
  for (let second = 0; second < 40; second += 1) {
    relays[1].up = true
    clock.advance(1_000)
    await settled(100)
  }
  expect(asks).toBe(1)
})

test('who waits for a visit does not wait for what the relay is told after it', async () => {
  await asked()
  const asking = Promise.withResolvers<undefined>()
  const over = Promise.withResolvers<undefined>()
  relays[1].store.wakeAt = () => {
    asking.resolve(undefined)
    return over.promise
  }
  await anna.chat.mailboxes.wakeAt(at(0))
  const visiting = anna.chat.mailboxes.visit()
  let visited = false
  void visiting.then(() => (visited = true))
  await comes(() => visited, 0)
  await asking.promise
  over.resolve(undefined)
})

/** Wake-ups of Anna at relays that answer as they are told to, kept in memory. */
async function alone(...answers: (() => Promise<void>)[]) {
  const relays = answers.map((wakeAt, number): WakingRelay => {
    const mailboxes = {
      wakeKey: pushes[0].publicKey,
      now: () => Promise.resolve(clock.now()),
      wakeAt,
    }
    return { address: `relay-${number}`, active: true, mailboxes }
  })
  const store: WakeUpsStore = {
    get: () => Promise.resolve(undefined),
    put: () => Promise.resolve(),
  }
  const identity = (await anna.profile.identity())!
  const wakeUps = new WakeUps({ identity, store, logger: silentLogger }, { relays: () => relays })
  const tell = (number: number) => wakeUps.tell(relays[number]!, new AbortController().signal)
  return { wakeUps, store, tell }
}

const gladly = (): Promise<void> => Promise.resolve()
const refusing = (reason: Refusal['reason']) => (): Promise<void> =>
  Promise.reject(new RefusedError({ reason, quota: null }))

test('switched off while it is written down what a relay was told, it stays off', async () => {
  const { store, tell, wakeUps } = await alone(gladly)
  await wakeUps.wakeAt(at(0))
  const written = Promise.withResolvers<undefined>()
  const writing = Promise.withResolvers<undefined>()
  let first = true
  store.put = () => {
    if (!first) return Promise.resolve()
    first = false
    writing.resolve(undefined)
    return written.promise
  }
  const telling = tell(0)
  await writing.promise
  const off = wakeUps.wakeAt(null)
  await settled(20)
  written.resolve(undefined)
  await Promise.all([telling, off])
  expect(wakeUps.state.address).toBeNull()
})

test('what was told to two relays at once is known of both', async () => {
  const { tell, wakeUps } = await alone(gladly, gladly)
  await wakeUps.wakeAt(at(0))
  await Promise.all([tell(0), tell(1)])
  await wakeUps.wakeAt(null)
  for (const relay of ['relay-0', 'relay-1']) {
    const mailboxes = { wakeKey: null, now: () => Promise.resolve(0), wakeAt: gladly }
    expect(wakeUps.wakesFor({ address: relay, active: true, mailboxes })).toBe(true)
  }
})

test('an address that one relay does not take is not taken, though another wakes', async () => {
  const { tell, wakeUps } = await alone(refusing('not-allowed'), gladly)
  await wakeUps.wakeAt(at(0))
  await tell(0)
  await tell(1)
  expect(wakeUps.state).toMatchObject({ relay: 'relay-1', refused: true })
})

test('a relay that is too busy does not say that it takes no such address', async () => {
  const { tell, wakeUps } = await alone(refusing('too-many'))
  await wakeUps.wakeAt(at(0))
  await expect(tell(0)).rejects.toThrow(RefusedError)
  expect(wakeUps.state.refused).toBe(false)
})
