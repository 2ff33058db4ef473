import { afterEach, expect, test, vi } from 'vitest'
import { CONTRACT_VERSION, type NodeApi } from '../../../src/lib/client/contract.ts'
import { Pages } from '../../../src/lib/p2p/pages.ts'
import { RtcBridge } from '../../../src/lib/p2p/rtc/rtc-bridge.ts'
import { holdLock } from '../../../src/lib/rpc/life-lock.ts'
import type { Port } from '../../../src/lib/rpc/port.ts'
import type { Promised } from '../../../src/lib/rpc/server.ts'
import { tabLock, type FromHost, type FromTab } from '../../../src/lib/rpc/session.ts'
import { TabSession } from '../../../src/workers/tab-session.ts'
import { eventually } from '../../fixtures/eventually.ts'

/** A tab as its session sees it. */
class FakeTab {
  readonly heard: FromHost[] = []
  closed = false
  #listener: ((message: unknown) => void) | null = null

  readonly port: Port = {
    post: (message) => {
      this.heard.push(message as FromHost)
    },
    listen: (listener) => {
      this.#listener = listener
    },
    close: () => {
      this.closed = true
    },
  }

  say(message: FromTab | { lane: 'nonsense' }): void {
    this.#listener?.(message)
  }

  hello({ id = 't1', build = 'b1', contract = CONTRACT_VERSION, webrtc = true } = {}): void {
    this.say({ lane: 'hello', tab: id, contract, build, webrtc, visible: true })
  }
}

const living: AbortController[] = []

afterEach(() => {
  for (const life of living.splice(0)) life.abort()
})

/** Holds the lock of this tab, as a page does; the returned function lets it die. */
async function live(id: string): Promise<() => void> {
  const life = new AbortController()
  living.push(life)
  await holdLock(navigator.locks, tabLock(id), { wanted: life.signal, held: life.signal })
  return () => {
    life.abort()
  }
}

function session({ alive = Promise.resolve(), pages = new Pages() } = {}) {
  const tab = new FakeTab()
  const bridge = new RtcBridge()
  const warn = vi.fn()
  const gone = vi.fn()
  const rename = vi.fn(() => Promise.resolve())
  const session = new TabSession(
    {
      locks: navigator.locks,
      log: { debug: vi.fn(), info: vi.fn(), warn, error: vi.fn() },
      bridge,
      pages,
    },
    {
      port: tab.port,
      host: 'h1',
      alive,
      build: 'b1',
      api: { profile: Promise.resolve({ rename }) } as unknown as Promised<NodeApi>,
      onGone: gone,
    },
  )
  return { session, tab, bridge, warn, gone, rename }
}

const greeting: FromHost = { lane: 'hello', host: 'h1', contract: CONTRACT_VERSION, build: 'b1' }

const call: FromTab = {
  lane: 'rpc',
  message: { type: 'call', id: 1, component: 'profile', method: 'rename', args: ['Anna'] },
}

test('a tab is greeted once its host is alive, and then served', async () => {
  await live('t1')
  const alive = Promise.withResolvers<undefined>()
  const { tab, bridge, rename } = session({ alive: alive.promise })
  tab.hello()
  tab.say(call)
  expect(tab.heard).toEqual([])
  alive.resolve(undefined)
  await eventually(() => {
    expect(tab.heard).toEqual([greeting])
  })
  expect(rename).not.toHaveBeenCalled()
  expect(bridge.available).toBe(true)
  tab.say(call)
  await eventually(() => {
    expect(tab.heard.at(-1)).toEqual({
      lane: 'rpc',
      message: { type: 'result', id: 1, value: undefined },
    })
  })
  expect(rename.mock.calls).toEqual([['Anna', expect.anything()]])
})

test('a tab that says hello twice is one tab', async () => {
  await live('t1')
  const { tab, gone } = session()
  tab.hello()
  tab.hello()
  await eventually(() => {
    expect(tab.heard).toEqual([greeting, greeting])
  })
  expect(gone).not.toHaveBeenCalled()
})

test.each([
  ['another build', { build: 'b2' }],
  ['another contract', { contract: CONTRACT_VERSION + 1 }],
])('a tab of %s is told the versions and nothing else', async (_what, hello) => {
  const { tab, bridge, rename } = session()
  tab.hello(hello)
  await eventually(() => {
    expect(tab.heard).toEqual([greeting])
  })
  tab.say(call)
  expect(rename).not.toHaveBeenCalled()
  expect(bridge.available).toBe(false)
})

test('a tab without WebRTC is served, and is no bridge', async () => {
  await live('t1')
  const { tab, bridge, rename } = session()
  tab.hello({ webrtc: false })
  await eventually(() => {
    expect(tab.heard).toEqual([greeting])
  })
  tab.say(call)
  await eventually(() => {
    expect(rename).toHaveBeenCalled()
  })
  expect(bridge.available).toBe(false)
})

test('a tab that dies is noticed by its lock', async () => {
  const die = await live('t1')
  const { tab, bridge, gone } = session()
  tab.hello()
  await eventually(() => {
    expect(bridge.available).toBe(true)
  })
  expect(gone).not.toHaveBeenCalled()
  die()
  await eventually(() => {
    expect(gone).toHaveBeenCalledTimes(1)
  })
  expect(tab.closed).toBe(true)
  expect(bridge.available).toBe(false)
})

test('a tab that says bye is gone at once', async () => {
  await live('t1')
  const { tab, bridge, gone } = session()
  tab.hello()
  await eventually(() => {
    expect(bridge.available).toBe(true)
  })
  tab.say({ lane: 'bye' })
  expect(gone).toHaveBeenCalledTimes(1)
  expect(tab.closed).toBe(true)
  expect(bridge.available).toBe(false)
})

test('the bye of a tab whose lock was quicker leaves no session behind', () => {
  const { tab, gone } = session()
  tab.say({ lane: 'bye' })
  expect(gone).toHaveBeenCalledTimes(1)
  expect(tab.closed).toBe(true)
})

test('a message out of shape is refused, and the next one is heard', async () => {
  await live('t1')
  const { tab, warn } = session()
  tab.say({ lane: 'nonsense' })
  expect(warn).toHaveBeenCalledTimes(1)
  tab.hello()
  await eventually(() => {
    expect(tab.heard).toEqual([greeting])
  })
})

test('a host that leaves tells why, and then nothing more', async () => {
  await live('t1')
  const { session: left, tab, gone } = session()
  tab.hello()
  await eventually(() => {
    expect(tab.heard).toEqual([greeting])
  })
  left.leave('replaced')
  expect(tab.heard.at(-1)).toEqual({ lane: 'leaving', reason: 'replaced' })
  expect(tab.closed).toBe(true)
  expect(gone).toHaveBeenCalledTimes(1)
  left.leave('failed')
  left.close()
  expect(tab.heard).toHaveLength(2)
  expect(gone).toHaveBeenCalledTimes(1)
})

test('a page is in sight as long as any tab is visible', async () => {
  await Promise.all([live('t1'), live('t2')])
  const pages = new Pages()
  const [one, other] = [session({ pages }), session({ pages })]
  one.tab.hello()
  other.tab.hello({ id: 't2' })
  await eventually(() => {
    expect(other.tab.heard).toEqual([greeting])
  })
  let changes = 0
  pages.addEventListener('changed', () => {
    changes += 1
  })
  one.tab.say({ lane: 'visible', visible: false })
  expect([pages.inSight, changes]).toEqual([true, 0])
  other.tab.say({ lane: 'visible', visible: false })
  expect([pages.inSight, changes]).toEqual([false, 1])
  one.tab.say({ lane: 'visible', visible: true })
  expect([pages.inSight, changes]).toEqual([true, 2])
  one.tab.say({ lane: 'bye' })
  expect([pages.inSight, changes]).toEqual([false, 3])
})
