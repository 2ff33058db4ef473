import { expect, test } from 'vitest'
import type { WakeAddress, WakeUps } from '#lib/features/notifications/api.ts'
import { UnusableSubscriptionError } from '#lib/features/notifications/errors.ts'
import { WakeUpsService } from '#lib/features/notifications/wake-ups.ts'
import { MAX_ENDPOINT_CHARS } from '#lib/protocol/mailbox.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'

const ASLEEP: WakeUps = { address: null, key: null, asked: false, relay: null, refused: false }
const KEY = 'B'.repeat(87)

/** The mailboxes of a person, and what they were told. */
class FakeMailboxes {
  readonly wakeUps = Object.assign(new EventTarget(), { state: ASLEEP })
  readonly told: (WakeAddress | null)[] = []
  visits = 0

  wakeAt(address: WakeAddress | null): Promise<void> {
    this.told.push(address)
    // It is so once it is written down.
    return Promise.resolve().then(() => {
      this.wakeUps.state = { ...ASLEEP, address }
      this.wakeUps.dispatchEvent(new Event('changed'))
    })
  }

  visit(): Promise<void> {
    this.visits += 1
    return Promise.resolve()
  }
}

function open() {
  const mailboxes = new FakeMailboxes()
  const clock = new ManualClock()
  return { mailboxes, clock, service: new WakeUpsService({ mailboxes, clock }) }
}

test('a subscription is told to relays until nobody is to wake any more', async () => {
  const { clock, mailboxes, service } = open()
  const watched = new AbortController()
  const states = service.watchWakeUps({ signal: watched.signal })[Symbol.asyncIterator]()
  expect((await states.next()).value).toEqual(ASLEEP)
  const address = { endpoint: 'https://push.example/1', key: KEY }
  await service.wakeAt(address)
  const next = states.next()
  clock.advance(1_000)
  expect((await next).value).toMatchObject({ address })
  watched.abort()
  await service.letSleep()
  expect(mailboxes.told).toEqual([address, null])
})

test('another subscription is told in place of the one that is wanted, and of no other', async () => {
  const { mailboxes, service } = open()
  const [first, second] = ['1', '2'].map((name) => {
    return { endpoint: `https://push.example/${name}`, key: KEY }
  }) as [WakeAddress, WakeAddress]
  await service.wakeAt(first)
  await service.moveTo(second, first)
  await service.moveTo(first, first)
  await Promise.all([service.letSleep(), service.moveTo(first, second)])
  expect(mailboxes.told).toEqual([first, second, null])
})

test.each([
  ['no address', { endpoint: 'push', key: KEY }],
  [
    'an address that is too long',
    { endpoint: `https://a/${'b'.repeat(MAX_ENDPOINT_CHARS)}`, key: KEY },
  ],
  ['another key', { endpoint: 'https://push.example/1', key: 'B'.repeat(88) }],
])('%s is not told to anybody', async (_what, address) => {
  const { mailboxes, service } = open()
  const good = { endpoint: 'https://push.example/1', key: KEY }
  await expect(service.wakeAt(address)).rejects.toThrow(UnusableSubscriptionError)
  await expect(service.moveTo(address, good)).rejects.toThrow(UnusableSubscriptionError)
  await expect(service.moveTo(good, address)).rejects.toThrow(UnusableSubscriptionError)
  expect(mailboxes.told).toEqual([])
})

test('a push has mailboxes visited', async () => {
  const { mailboxes, service } = open()
  await service.woken()
  expect(mailboxes.visits).toBe(1)
})
