import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type {
  WakeAddress,
  WakeUps,
  WakeUpsApi,
} from '../../../../../src/lib/features/notifications/api.ts'
import {
  beWoken,
  keepSubscription,
  letSleep,
  subscribingFailed,
} from '../../../../../src/lib/features/notifications/ui/wake-ups.svelte.ts'

const key = (number: number): string =>
  Buffer.from(new Uint8Array(65).fill(number)).toString('base64url')

/** The push service of a browser, with at most one subscription. */
class FakePushManager {
  subscription: { endpoint: string; options: { applicationServerKey: ArrayBuffer } } | null = null
  /** What it would give next; null: it refuses. */
  next: number | null = 1

  getSubscription() {
    return Promise.resolve(this.subscription && this.#shown(this.subscription))
  }

  subscribe({ applicationServerKey }: { applicationServerKey: string }) {
    if (this.next === null) return Promise.reject(new DOMException('none', 'AbortError'))
    const { buffer } = Uint8Array.from(Buffer.from(applicationServerKey, 'base64url'))
    if (this.subscription === null) {
      const endpoint = `https://push/${this.next++}`
      this.subscription = { endpoint, options: { applicationServerKey: buffer } }
    }
    return Promise.resolve(this.#shown(this.subscription))
  }

  #shown(subscription: NonNullable<FakePushManager['subscription']>) {
    return {
      ...subscription,
      unsubscribe: () => {
        this.subscription = null
        return Promise.resolve(true)
      },
    }
  }
}

let pushes: FakePushManager
let told: (WakeAddress | null)[]
/** What was told in place of these. */
let moved: WakeAddress[]
let api: WakeUpsApi

beforeEach(() => {
  pushes = new FakePushManager()
  told = []
  moved = []
  api = {
    watchWakeUps: () => {
      throw new Error('not asked for here')
    },
    wakeAt: (address) => Promise.resolve(void told.push(address)),
    moveTo: (address, insteadOf) => {
      moved.push(insteadOf)
      return Promise.resolve(void told.push(address))
    },
    letSleep: () => Promise.resolve(void told.push(null)),
    woken: () => Promise.resolve(),
  }
  vi.stubGlobal('navigator', {
    locks: { request: (_name: string, use: () => unknown) => use() },
    serviceWorker: { getRegistration: () => Promise.resolve({ pushManager: pushes }) },
  })
})

afterEach(() => {
  vi.unstubAllGlobals()
})

const wanted = (address: WakeAddress | null, of = address?.key ?? null): WakeUps => ({
  ...{ address, key: of, asked: true, relay: null, refused: false },
})

test('switched on, the relay learns where; off, the browser forgets it and the relay too', async () => {
  await beWoken(api, key(1))
  expect(told).toEqual([{ endpoint: 'https://push/1', key: key(1) }])
  await letSleep(api)
  expect(pushes.subscription).toBeNull()
  expect(told.at(-1)).toBeNull()
})

test('the browser forgets it only once no host wants it made anew', async () => {
  await beWoken(api, key(1))
  let wasSubscribed = false
  api.letSleep = () => {
    wasSubscribed = pushes.subscription !== null
    return Promise.resolve()
  }
  await letSleep(api)
  expect([wasSubscribed, pushes.subscription]).toEqual([true, null])
})

test('a browser that refuses is not said to be woken, until it subscribes', async () => {
  pushes.next = null
  await beWoken(api, key(1))
  expect([subscribingFailed(), told]).toEqual([true, []])
  pushes.next = 1
  await beWoken(api, key(1))
  expect([subscribingFailed(), told.length]).toEqual([false, 1])
})

test('what is known already is not told again', async () => {
  await beWoken(api, key(1))
  await keepSubscription(api, wanted(told[0]!))
  expect(told).toHaveLength(1)
})

test('when another relay wakes, there is another subscription, for its key', async () => {
  await beWoken(api, key(1))
  await keepSubscription(api, wanted(told[0]!, key(2)))
  expect(told.at(-1)).toEqual({ endpoint: 'https://push/2', key: key(2) })
  expect(moved).toEqual([told[0]])
})

test('a subscription that the browser lost is made anew', async () => {
  await beWoken(api, key(1))
  pushes.subscription = null
  await keepSubscription(api, wanted(told[0]!))
  expect(told.at(-1)).toEqual({ endpoint: 'https://push/2', key: key(1) })
})

test('one that nobody wants is ended', async () => {
  await beWoken(api, key(1))
  await keepSubscription(api, wanted(null))
  expect(pushes.subscription).toBeNull()
  expect(told).toHaveLength(1)
})
