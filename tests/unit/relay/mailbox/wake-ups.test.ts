import { beforeEach, expect, test } from 'vitest'
import {
  LOOKED_PAUSE_MS,
  MAX_PUSHES_AT_ONCE,
  MAX_PUSHES_PER_MINUTE,
  MAX_WOKEN_MAILBOXES,
  WAKE_PAUSE_MS,
} from '#relay/limits.ts'
import type { PushOutcome } from '#relay/mailbox/push.ts'
import { WakeUps } from '#relay/mailbox/wake-ups.ts'
import { FakePush } from '../../../fixtures/fake-push.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { MemoryMailboxStore } from '../../../fixtures/memory-mailbox-store.ts'
import { CountingRefusals } from '../counting-refusals.ts'

const QUOTAS = { mailbox: 1e6, sender: 1e6, strangers: 1e6, relay: 1e6 }

let clock: ManualClock
let store: MemoryMailboxStore
let push: FakePush
let refusals: CountingRefusals
let outcomes: PushOutcome[]
let wakeUps: WakeUps

beforeEach(() => {
  clock = new ManualClock()
  store = new MemoryMailboxStore(new Uint8Array(16), QUOTAS)
  push = new FakePush()
  refusals = new CountingRefusals()
  outcomes = []
  wakeUps = new WakeUps({
    ...{ store, push, clock, refusals },
    onPush: (outcome) => outcomes.push(outcome),
  })
})

function box(number: number): Uint8Array {
  const id = new Uint8Array(32)
  new DataView(id.buffer).setUint32(0, number)
  return id
}

async function ask(mailbox: Uint8Array, endpoint: string | null = 'https://push'): Promise<void> {
  await store.wakeAt(mailbox, { second: 1, endpoint, expiresAtMs: clock.now() + 86_400_000 })
}

/** Whatever is under way has gone as far as it goes. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}

test('wakes at once, and then not before the pause is over', async () => {
  await ask(box(1))
  wakeUps.came(box(1))
  await settled()
  expect(push.sent).toEqual(['https://push'])
  wakeUps.came(box(1))
  clock.advance(WAKE_PAUSE_MS - 1)
  await settled()
  expect(push.sent).toHaveLength(1)
  clock.advance(1)
  await settled()
  expect(push.sent).toHaveLength(2)
  expect(outcomes).toEqual(['sent', 'sent'])
})

test('does not wake again where nothing came in the pause', async () => {
  await ask(box(1))
  wakeUps.came(box(1))
  clock.advance(10 * WAKE_PAUSE_MS)
  await settled()
  expect(push.sent).toHaveLength(1)
  expect(clock.pending).toBe(0)
})

test('an owner who has looked is woken at once again', async () => {
  await ask(box(1))
  wakeUps.came(box(1))
  wakeUps.came(box(1))
  await settled()
  wakeUps.looked(box(1))
  clock.advance(LOOKED_PAUSE_MS)
  await settled()
  expect(push.sent).toHaveLength(1)
  wakeUps.came(box(1))
  await settled()
  expect(push.sent).toHaveLength(2)
})

test('what comes just after a look wakes a little later, and not who has looked once more', async () => {
  await ask(box(1))
  wakeUps.looked(box(1))
  wakeUps.came(box(1))
  wakeUps.looked(box(1))
  clock.advance(LOOKED_PAUSE_MS)
  await settled()
  expect(push.sent).toEqual([])

  wakeUps.looked(box(1))
  wakeUps.came(box(1))
  clock.advance(LOOKED_PAUSE_MS - 1)
  await settled()
  expect(push.sent).toEqual([])
  clock.advance(1)
  await settled()
  expect(push.sent).toHaveLength(1)
})

test('who asks anew is woken at once', async () => {
  await ask(box(1))
  wakeUps.looked(box(1))
  wakeUps.asked(box(1))
  wakeUps.came(box(1))
  await settled()
  expect(push.sent).toHaveLength(1)
})

test('who asks anew is woken for what came in the pause', async () => {
  await ask(box(1))
  wakeUps.looked(box(1))
  wakeUps.came(box(1))
  wakeUps.asked(box(1))
  await settled()
  expect(push.sent).toHaveLength(1)
  expect(clock.pending).toBe(1)
})

test('wakes nobody who has not asked, has taken it back, or asked for what is not sent to', async () => {
  await ask(box(2), null)
  await ask(box(3), 'http://push')
  for (const number of [1, 2, 3]) wakeUps.came(box(number))
  await settled()
  expect(push.sent).toEqual([])
})

test('forgets an address where nobody is any more, and not one that was asked for since', async () => {
  push.answer = () => Promise.resolve('gone')
  await ask(box(1))
  wakeUps.came(box(1))
  await settled()
  expect(await store.wake(box(1), clock.now())).toMatchObject({ endpoint: null })
  const later = { second: 10, endpoint: 'https://later', expiresAtMs: clock.now() + 86_400_000 }
  await store.wakeAt(box(1), later)
  wakeUps.asked(box(1))
  push.answer = async () => {
    await store.wakeAt(box(1), { ...later, second: 20, endpoint: 'https://latest' })
    return 'gone'
  }
  wakeUps.came(box(1))
  await settled()
  expect(await store.wake(box(1), clock.now())).toMatchObject({ endpoint: 'https://latest' })
})

test('goes on when the push service or the store is away', async () => {
  push.answer = () => Promise.resolve('failed')
  await ask(box(1))
  wakeUps.came(box(1))
  await settled()
  store.wake = () => Promise.reject(new Error('away'))
  wakeUps.asked(box(1))
  wakeUps.came(box(1))
  await settled()
  expect(outcomes).toEqual(['failed'])
  await wakeUps.stop()
})

test('has so many wake-ups under way, and counts the others', async () => {
  push.answer = () => new Promise(() => undefined)
  for (let number = 0; number <= MAX_PUSHES_AT_ONCE; number++) {
    await ask(box(number))
    wakeUps.came(box(number))
  }
  await settled()
  expect(push.sent).toHaveLength(MAX_PUSHES_AT_ONCE)
  expect(refusals.counted).toEqual(['wake-ups'])
})

test('sends so many wake-ups a minute, and counts the others', async () => {
  for (let number = 0; number <= MAX_PUSHES_PER_MINUTE; number++) {
    await ask(box(number))
    wakeUps.came(box(number))
    await settled()
  }
  expect(push.sent).toHaveLength(MAX_PUSHES_PER_MINUTE)
  expect(refusals.counted).toEqual(['wake-ups'])
})

test('remembers so many mailboxes, and wakes for no others', async () => {
  const alarms: (() => void)[] = []
  const after = (_delayMs: number, call: () => void): (() => void) => {
    alarms.push(call)
    return () => undefined
  }
  const counted = { store, push, refusals, clock: { now: () => clock.now(), after } }
  const crowded = new WakeUps({ ...counted, onPush: () => undefined })
  for (let number = 0; number < MAX_WOKEN_MAILBOXES; number++) crowded.came(box(number))
  await ask(box(MAX_WOKEN_MAILBOXES))
  crowded.came(box(MAX_WOKEN_MAILBOXES))
  await settled()
  expect(push.sent).toEqual([])
  for (const call of alarms) call()
  crowded.came(box(MAX_WOKEN_MAILBOXES))
  await settled()
  expect(push.sent).toHaveLength(1)
})

test('leaves no timer and wakes nobody once it is stopped', async () => {
  await ask(box(1))
  wakeUps.came(box(1))
  await wakeUps.stop()
  wakeUps.came(box(2))
  expect(clock.pending).toBe(0)
})
