import type { Stream } from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import { expect, test, vi } from 'vitest'
import type { WebRtcBridge, WebRtcBridgeEvents } from '../../../src/lib/p2p/api.ts'
import type { Discovery } from '../../../src/lib/p2p/discovery/discovery.ts'
import {
  ATTEMPT_TIMEOUT_MS,
  Keeper,
  LONG_PATH_MS,
  MAX_DIALS,
  MAX_STRANGERS,
  WAKE_PING_TIMEOUT_MS,
} from '../../../src/lib/p2p/keeper/keeper.ts'
import type { Node } from '../../../src/lib/p2p/node.ts'
import { Pinger } from '../../../src/lib/p2p/ping.ts'
import type { RelayBook } from '../../../src/lib/p2p/relay-book/relay-book.ts'
import { Traffic } from '../../../src/lib/p2p/traffic.ts'
import { peerIdOf, type PeerIdString } from '../../../src/lib/protocol/ids.ts'
import { systemRandom } from '../../../src/lib/protocol/seams.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { connect, type FakeConnection, FakeSide, LARGER, silent, SMALLER } from './fake-network.ts'

class FakeBridge extends TypedEventEmitter<WebRtcBridgeEvents> implements WebRtcBridge {
  available = false
}

/** A keeper on the smaller peer's side; `lookups` counts how often it looked for somebody, each time as `look` does. */
function keeping(
  browser: { offline: boolean } = { offline: false },
  look: (signal: AbortSignal) => Promise<string[]> = () => Promise.resolve([]),
) {
  const clock = new ManualClock()
  const small = new FakeSide(SMALLER, clock)
  const large = new FakeSide(LARGER, clock)
  const bridge = new FakeBridge()
  let lookups = 0
  const keeper = new Keeper({
    self: SMALLER,
    links: small.links,
    relays: Object.assign(new EventTarget(), { hostOf: () => null }) as unknown as RelayBook,
    discovery: {
      async *relaysOf(_peer: PeerIdString, _hints: string[], signal: AbortSignal) {
        lookups += 1
        yield await look(signal)
      },
    } as unknown as Discovery,
    bridge,
    pinger: new Pinger(clock),
    traffic: new Traffic(),
    browser,
    clock,
    random: systemRandom,
    log: silent,
  })
  keeper.attach({} as Node)
  return { clock, small, large, bridge, keeper, lookups: () => lookups }
}

/** Resolves with the next stream of this connection, at its other end. */
function asked(connection: FakeConnection): Promise<Stream> {
  return new Promise((resolve) => {
    const far = connection.other!
    far.arrive = (_protocol, stream) => {
      resolve(stream)
    }
  })
}

/** Everything that is due without the clock. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

test.for([
  {
    sign: 'the browser says that its way is lost',
    give: ({ bridge }: ReturnType<typeof keeping>) => {
      bridge.safeDispatchEvent('unsteady')
    },
  },
  {
    sign: 'the peer comes anew through a relay',
    give: ({ large, small }: ReturnType<typeof keeping>) => {
      connect(large, small, 'relayed')
    },
  },
])('a direct connection that does not answer is ended when $sign', async ({ give }) => {
  const scene = keeping()
  const { clock, small, large } = scene
  const direct = connect(small, large, 'direct')
  const ping = asked(direct)
  give(scene)
  await ping
  await settled()
  clock.advance(WAKE_PING_TIMEOUT_MS - 1)
  await settled()
  expect(direct.status).toBe('open')
  clock.advance(1)
  await settled()
  expect(direct.status).toBe('closed')
})

test('when the peer is gone from its relay, the direct connection is asked, and stays if it answers', async () => {
  const { clock, small, large } = keeping()
  const relayed = connect(small, large, 'relayed')
  const direct = connect(small, large, 'direct')
  const ping = asked(direct)
  relayed.abort(new Error('gone'))
  const there = await ping
  const answered = new Promise((resolve) => {
    there.addEventListener('message', ({ data }) => {
      there.send(data)
      resolve(undefined)
    })
  })
  await answered
  await settled()
  clock.advance(WAKE_PING_TIMEOUT_MS)
  await settled()
  expect(direct.status).toBe('open')
})

test('somebody not found is looked for again by and by', async () => {
  const { clock, keeper, lookups } = keeping()
  keeper.want(LARGER)
  await settled()
  clock.advance(1_000)
  await settled()
  expect(lookups()).toBeGreaterThan(1)
})

test('while the browser is offline somebody not found is left alone, until it is woken', async () => {
  const browser = { offline: true }
  const { clock, keeper, lookups } = keeping(browser)
  keeper.want(LARGER)
  await settled()
  clock.advance(60 * 60_000)
  await settled()
  expect(lookups()).toBe(1)
  browser.offline = false
  await keeper.wake()
  await settled()
  expect(lookups()).toBe(2)
})

test('as many are looked for at once as allowed; the next when one was not found in time', async () => {
  const given: AbortSignal[] = []
  const { clock, keeper, lookups } = keeping(undefined, (signal) => {
    given.push(signal)
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(signal.reason as Error)
      })
    })
  })
  keeper.want(LARGER)
  clock.advance(1)
  for (let n = 1; n <= MAX_DIALS; n += 1) keeper.want(peerIdOf(new Uint8Array(32).fill(n + 10)))
  await settled()
  expect(lookups()).toBe(MAX_DIALS)
  clock.advance(ATTEMPT_TIMEOUT_MS - 2)
  expect(given.map(({ aborted }) => aborted)).not.toContain(true)
  clock.advance(1)
  expect(given.filter(({ aborted }) => aborted)).toEqual([given[0]])
  await settled()
  expect(lookups()).toBe(MAX_DIALS + 1)
  keeper.detach()
})

test('of too many strangers the one who came first goes, and none who is wanted', () => {
  const { clock, small, large, keeper } = keeping()
  keeper.want(LARGER)
  const wanted = connect(large, small, 'relayed')
  const strangers = Array.from({ length: MAX_STRANGERS + 1 }, (_, index) => {
    clock.advance(1)
    const stranger = new FakeSide(peerIdOf(new Uint8Array(32).fill(index + 10)), clock)
    return connect(stranger, small, 'relayed')
  })
  expect(wanted.status).toBe('open')
  expect(strangers.map(({ status }) => status)).toEqual([
    'closed',
    ...strangers.slice(1).map(() => 'open'),
  ])
  keeper.detach()
})

test('a peer may meet me directly only where that is wanted', () => {
  const { keeper } = keeping()
  expect(keeper.mayMeet(LARGER)).toBe(false)
  keeper.want(LARGER, [], 'relayed')
  expect(keeper.mayMeet(LARGER)).toBe(false)
  keeper.want(LARGER)
  expect(keeper.mayMeet(LARGER)).toBe(true)
  keeper.detach()
})

test.each([
  { path: 'short', known: LONG_PATH_MS - 1, takes: [], lane: false },
  { path: 'short, and the device busy', known: 80, takes: [50, LONG_PATH_MS - 1], lane: false },
  { path: 'long', known: 80, takes: [50, 60, LONG_PATH_MS], lane: true },
])('where a path is $path, one more connection is opened: $lane', async (scene) => {
  const { clock, small, large, bridge, keeper } = keeping()
  connect(small, large, 'relayed')
  const direct = connect(small, large, 'direct')
  keeper.want(LARGER)
  Object.assign(direct, { rtt: scene.known })
  const takes = [...scene.takes]
  direct.other!.arrive = (_protocol, stream) => {
    stream.addEventListener('message', ({ data }) => {
      clock.advance(takes.shift()!)
      stream.send(data)
    })
  }
  bridge.available = true
  const lane = vi.spyOn(small.links, 'aside').mockResolvedValue(null)
  await keeper.openLane(LARGER, new AbortController().signal)
  expect(lane).toHaveBeenCalledTimes(Number(scene.lane))
  expect(takes).toEqual([])
})
