import type { Stream } from '@libp2p/interface'
import { TypedEventEmitter } from 'main-event'
import { expect, test, vi } from 'vitest'
import type {
  BrowserNetwork,
  WakeReason,
  WebRtcBridge,
  WebRtcBridgeEvents,
} from '../../../src/lib/p2p/api.ts'
import type { Discovery } from '../../../src/lib/p2p/discovery/discovery.ts'
import {
  ATTEMPT_TIMEOUT_MS,
  Keeper,
  LONG_PATH_MS,
  MAX_DIALS,
  MAX_PINGS_IN_DOUBT,
  MAX_STRANGERS,
  WAKE_PING_TIMEOUT_MS,
} from '../../../src/lib/p2p/keeper/keeper.ts'
import type { Node } from '../../../src/lib/p2p/node.ts'
import { Pinger } from '../../../src/lib/p2p/ping.ts'
import type { RelayBook } from '../../../src/lib/p2p/relay-book/relay-book.ts'
import { peerIdOf, type PeerIdString } from '../../../src/lib/protocol/ids.ts'
import { systemRandom } from '../../../src/lib/protocol/seams.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { connect, type FakeConnection, FakeSide, LARGER, silent, SMALLER } from './fake-network.ts'

class FakeBridge extends TypedEventEmitter<WebRtcBridgeEvents> implements WebRtcBridge {
  available = false
}

/** A keeper on the smaller peer's side; `lookups` counts how often it looked for somebody, each time as `look` does. */
function keeping(
  browser: BrowserNetwork = { offline: false, hidden: false },
  look: (signal: AbortSignal) => Promise<string[]> = () => Promise.resolve([]),
) {
  const clock = new ManualClock()
  const small = new FakeSide(SMALLER, clock)
  const large = new FakeSide(LARGER, clock)
  const bridge = new FakeBridge()
  /** Of every connection. */
  const traffic = { bytesIn: 0, bytesOut: 0 }
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
    traffic: { of: () => ({ ...traffic }) },
    browser,
    clock,
    random: systemRandom,
    log: silent,
  })
  keeper.attach({} as Node)
  return { clock, small, large, bridge, traffic, keeper, lookups: () => lookups }
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

type Scene = ReturnType<typeof keeping>

const lost = ({ bridge }: Scene): void => {
  bridge.safeDispatchEvent('unsteady')
}
const comesAnew = ({ large, small }: Scene): void => {
  connect(large, small, 'relayed')
}
const woken =
  (reason: WakeReason) =>
  ({ keeper }: Scene): void => {
    void keeper.wake(reason)
  }

test.for([
  { sign: 'the browser says that its way is lost', give: lost, rtt: 40, limitMs: 3_000 },
  { sign: 'the device wakes up', give: woken('resume'), rtt: 40, limitMs: 3_000 },
  { sign: 'the network may be another', give: woken('online'), rtt: 40, limitMs: 1_000 },
  { sign: 'the peer comes anew through a relay', give: comesAnew, rtt: 40, limitMs: 1_000 },
  { sign: 'that happens on a long path', give: comesAnew, rtt: 500, limitMs: 2_000 },
  { sign: 'that happens on a path never measured', give: comesAnew, limitMs: 3_000 },
])('a direct connection without an answer in $limitMs ms is ended when $sign', async (example) => {
  const { give, rtt, limitMs } = example
  const scene = keeping()
  const { clock, small, large } = scene
  const direct = connect(small, large, 'direct')
  direct.rtt = rtt
  const ping = asked(direct)
  give(scene)
  await ping
  await settled()
  clock.advance(limitMs - 1)
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

test('a direct connection that ends together with the one through the relay is not asked', async () => {
  const { small, large } = keeping()
  const relayed = connect(small, large, 'relayed')
  const direct = connect(small, large, 'direct')
  const asks: string[] = []
  direct.other!.arrive = (protocol) => asks.push(protocol)
  relayed.abort(new Error('gone'))
  direct.abort(new Error('gone with it'))
  await settled()
  expect(asks).toEqual([])
})

test('a direct connection over which much comes stays while its answer waits, and not for ever', async () => {
  const { clock, small, large, traffic } = keeping()
  const direct = connect(small, large, 'direct')
  connect(large, small, 'relayed')
  for (let asked = 1; asked < MAX_PINGS_IN_DOUBT; asked += 1) {
    await settled()
    traffic.bytesIn += 1
    clock.advance(WAKE_PING_TIMEOUT_MS)
  }
  await settled()
  expect(direct.status).toBe('open')
  traffic.bytesIn += 1
  clock.advance(WAKE_PING_TIMEOUT_MS)
  await settled()
  expect(direct.status).toBe('closed')
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
  const browser = { offline: true, hidden: false }
  const { clock, keeper, lookups } = keeping(browser)
  keeper.want(LARGER)
  await settled()
  clock.advance(60 * 60_000)
  await settled()
  expect(lookups()).toBe(1)
  browser.offline = false
  await keeper.wake('online')
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
