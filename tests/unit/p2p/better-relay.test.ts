import type { Connection } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import type { Channel } from '../../../src/lib/p2p/api.ts'
import { peerOf, relayPartOf } from '../../../src/lib/p2p/addresses.ts'
import { OPEN_GRACE_MS } from '../../../src/lib/p2p/channels/channels.ts'
import {
  BetterRelay,
  BUSY_BYTES,
  BUSY_MS,
  GAIN_MS,
  GAIN_SHARE,
  LOOK_MS,
  MAX_CANDIDATES,
  MEMORY_MS,
  ROUND_TRIPS,
  SEARCH_GRACE_MS,
  SEARCH_PACE_MS,
  SEARCH_TIMEOUT_MS,
  SETTLED_MS,
  TRIAL_PING_MS,
} from '../../../src/lib/p2p/keeper/better-relay.ts'
import { RELAYED_SPARE_MS, TRIAL_WORD_MS } from '../../../src/lib/p2p/keeper/links.ts'
import type { Node } from '../../../src/lib/p2p/node.ts'
import { peerIdOf, type PeerIdString } from '../../../src/lib/protocol/ids.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import {
  connect,
  FakeSide,
  LARGER,
  RELAY as SLOW,
  silent,
  SMALLER,
  type FakeConnection,
} from './fake-network.ts'

const PROTOCOL = '/starling/test/1.0.0'

const relayPeer = (n: number): PeerIdString => peerIdOf(new Uint8Array(32).fill(100 + n))
const addressOf = (relay: PeerIdString, port: number): string =>
  `/ip4/127.0.0.1/tcp/${port}/ws/p2p/${relay}`

const FAST = relayPeer(0)

/** Everything that is due without the clock. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((go) => setImmediate(go))
}

interface Path {
  /** My own way to the relay, there and back, ms. */
  leg: number
  /** From one end to the other through it. */
  whole: number
}

/**
 * Two people who talk through a slow relay; the smaller, who dialled, looks for a better one. The larger is at the others,
 * too, and `paths` says how far they are.
 */
async function talking(paths: Partial<Record<PeerIdString, Path>> = {}, dialler = SMALLER) {
  const clock = new ManualClock()
  const small = new FakeSide(SMALLER, clock)
  const large = new FakeSide(LARGER, clock)
  const lengths: Record<string, Path> = { [SLOW]: { leg: 100, whole: 300 }, ...paths }
  let bytes = 0
  const asked: string[] = []
  const kept: string[] = []
  const dialled: FakeConnection[] = []
  const scene = {
    perLook: BUSY_BYTES,
    wanted: true,
    /** Before a circuit is opened. */
    onDial: (_signal: AbortSignal): Promise<void> => Promise.resolve(),
    /** Before a ping over a circuit is answered. */
    onPing: (_connection: Connection): Promise<void> => Promise.resolve(),
  }
  const relays = Object.keys(lengths).map((id, n) => addressOf(id as PeerIdString, n + 1))
  const better = new BetterRelay({
    self: SMALLER,
    links: small.links,
    relays: {
      connect: (address) => {
        asked.push(address)
        const remoteAddr = multiaddr(address)
        const remotePeer = { toString: () => peerOf(remoteAddr) }
        return Promise.resolve({ remoteAddr, remotePeer } as unknown as Connection)
      },
      keep: (address) => {
        kept.push(address)
        return Promise.resolve()
      },
    },
    discovery: {
      async *relaysOf() {
        yield await Promise.resolve(relays)
      },
    },
    pinger: {
      ping: async ({ remoteAddr }: Connection) => {
        const relay = relayPartOf(remoteAddr)
        if (relay === null) return lengths[peerOf(remoteAddr)!]!.leg
        await scene.onPing({ remoteAddr } as Connection)
        return lengths[peerOf(relay)!]!.whole
      },
    },
    traffic: { of: () => ({ bytesIn: bytes, bytesOut: 0 }) },
    clock,
    log: silent,
    hints: () => (scene.wanted ? [] : null),
  })
  better.attach({
    libp2p: {
      dial: async (address: Multiaddr, { signal }: { signal: AbortSignal }) => {
        await scene.onDial(signal)
        dialled.push(connect(small, large, 'relayed', peerOf(relayPartOf(address)!)!))
      },
    },
  } as unknown as Node)
  const channels: Record<PeerIdString, Channel[]> = {}
  for (const side of [small, large]) {
    const came: Channel[] = (channels[side.self] = [])
    await side.start()
    await side.channels.handle({
      protocol: PROTOCOL,
      maxFrameBytes: 1_000,
      accept: () => true,
      onChannel: (channel) => came.push(channel),
    })
  }
  const [from, to] = dialler === SMALLER ? [small, large] : [large, small]
  const first = connect(from, to, 'relayed')
  await settled()
  const pass = async (ms: number): Promise<void> => {
    for (let leftMs = ms; leftMs > 0; leftMs -= LOOK_MS) {
      bytes += scene.perLook
      clock.advance(Math.min(leftMs, LOOK_MS))
      await settled()
    }
  }
  return Object.assign(scene, {
    clock,
    small,
    large,
    better,
    lengths,
    first,
    dialled,
    asked,
    kept,
    pass,
    /** Who carries what counts, as each side sees it. */
    relayOf: (side: FakeSide) => {
      const { connection } = side.links.best(side === small ? LARGER : SMALLER)!
      return peerOf(relayPartOf(connection.remoteAddr)!)
    },
    living: (side: FakeSide) => channels[side.self]!.filter(({ closed }) => !closed.aborted),
    opened: (side: FakeSide) => channels[side.self]!.length,
  })
}

type Scene = Awaited<ReturnType<typeof talking>>

/** Pings through the fast relay are answered once this is resolved. */
function holdPings(scene: Scene) {
  const answer = Promise.withResolvers<undefined>()
  scene.onPing = async ({ remoteAddr }) => {
    if (peerOf(relayPartOf(remoteAddr)!) === FAST) await answer.promise
  }
  return answer
}

/** Long enough for the first search. */
const FIRST_MS = SETTLED_MS + ROUND_TRIPS * LOOK_MS

const THRESHOLD_MS = 300 - Math.max(GAIN_MS, 300 * GAIN_SHARE)

/** What runs is where it was. */
function expectStays(scene: Scene): void {
  expect([scene.relayOf(scene.small), scene.relayOf(scene.large)]).toEqual([SLOW, SLOW])
  expect([scene.opened(scene.small), scene.opened(scene.large)]).toEqual([1, 1])
  expect(scene.first.status).toBe('open')
}

test('what runs moves to a relay that is clearly shorter, on both sides, and the slow circuit ends', async () => {
  const scene = await talking({ [FAST]: { leg: 10, whole: THRESHOLD_MS } })
  const { small, large, clock, pass } = scene
  await pass(FIRST_MS)
  expect([scene.relayOf(small), scene.relayOf(large)]).toEqual([FAST, FAST])
  expect([scene.living(small).length, scene.living(large).length]).toEqual([1, 1])
  const [from] = scene.living(small)
  const [to] = scene.living(large)
  await from!.send(Uint8Array.of(7))
  for await (const frame of to!.frames()) {
    expect(frame).toEqual(Uint8Array.of(7))
    break
  }
  expect(scene.kept).toHaveLength(1)
  clock.advance(RELAYED_SPARE_MS)
  expect(scene.first.status).toBe('closed')
  expect(scene.living(small)).toEqual([from])
  scene.better.detach()
})

test('it stays where a relay is not clearly shorter, and that one is left alone for long', async () => {
  const scene = await talking({ [FAST]: { leg: 10, whole: THRESHOLD_MS + 1 } })
  const { pass } = scene
  await pass(FIRST_MS)
  expect(scene.dialled.map(({ status }) => status)).toEqual(['closed'])
  expectStays(scene)
  await pass(3 * SEARCH_PACE_MS)
  expect(scene.dialled).toHaveLength(1)
  // What was seen of it holds: on a path that became worse it is worth it.
  scene.lengths[SLOW]!.whole = 1_000
  await pass(SEARCH_PACE_MS)
  expect(scene.relayOf(scene.small)).toBe(FAST)
  scene.better.detach()
})

test('a relay that was no better is tried again once that was long ago', async () => {
  const scene = await talking({ [FAST]: { leg: 10, whole: 300 } })
  await scene.pass(FIRST_MS + MEMORY_MS)
  expect(scene.dialled).toHaveLength(1)
  await scene.pass(SEARCH_PACE_MS)
  expect(scene.dialled).toHaveLength(2)
  expectStays(scene)
  scene.better.detach()
})

test('no other is tried where my own way to it alone is too long', async () => {
  const scene = await talking({ [FAST]: { leg: THRESHOLD_MS + 1, whole: 1 } })
  await scene.pass(FIRST_MS)
  expect(scene.asked.length).toBeGreaterThan(0)
  expect(scene.dialled).toEqual([])
  scene.better.detach()
})

test.for<[string, (scene: Scene) => void]>([
  ['little goes over it', (scene) => (scene.perLook = BUSY_BYTES - 1)],
  ['nobody wants the peer', (scene) => (scene.wanted = false)],
  ['it is direct', ({ small, large }) => void connect(small, large, 'direct')],
])('nothing is looked for where %s', async ([, make]) => {
  const scene = await talking({ [FAST]: { leg: 10, whole: 20 } })
  make(scene)
  await scene.pass(FIRST_MS + SEARCH_GRACE_MS)
  expect(scene.asked).toEqual([])
  scene.better.detach()
})

test('a path that breaks down counts as running for a while', async () => {
  const scene = await talking({ [FAST]: { leg: 10, whole: 20 } })
  await scene.pass(LOOK_MS * 2)
  scene.perLook = 0
  await scene.pass(BUSY_MS)
  expect(scene.relayOf(scene.small)).toBe(FAST)
  scene.better.detach()
})

test('the side that was dialled leaves the search to the other for a while', async () => {
  const scene = await talking({ [FAST]: { leg: 10, whole: 20 } }, LARGER)
  await scene.pass(SETTLED_MS + SEARCH_GRACE_MS - LOOK_MS)
  expect(scene.asked).toEqual([])
  await scene.pass(2 * LOOK_MS)
  expect([scene.relayOf(scene.small), scene.relayOf(scene.large)]).toEqual([FAST, FAST])
  scene.better.detach()
})

test('so many relays are measured as allowed, and the shortest way alone is tried', async () => {
  // The one that is used is the first.
  const paths = Array.from({ length: MAX_CANDIDATES }, (_, n): [PeerIdString, Path] => [
    relayPeer(n),
    { leg: 50 - n, whole: 100 },
  ])
  const scene = await talking(Object.fromEntries(paths))
  await scene.pass(FIRST_MS)
  expect(scene.asked).toHaveLength(MAX_CANDIDATES)
  expect(scene.dialled).toHaveLength(1)
  expect(scene.relayOf(scene.small)).toBe(relayPeer(MAX_CANDIDATES - 2))
  scene.better.detach()
})

test('one is tried at a time, and until it is measured nobody uses it', async () => {
  const scene = await talking({
    [FAST]: { leg: 10, whole: 20 },
    [relayPeer(1)]: { leg: 20, whole: 30 },
  })
  const answer = holdPings(scene)
  await scene.pass(FIRST_MS + OPEN_GRACE_MS)
  expect(scene.dialled.map(({ status }) => status)).toEqual(['open'])
  expectStays(scene)
  answer.resolve(undefined)
  await settled()
  expect([scene.relayOf(scene.small), scene.relayOf(scene.large)]).toEqual([FAST, FAST])
  scene.better.detach()
})

test.for<[string, (scene: Scene) => void]>([
  ['cannot be dialled', (scene) => (scene.onDial = () => Promise.reject(new Error('full')))],
  [
    'answers no ping',
    (scene) =>
      (scene.onPing = ({ remoteAddr }) =>
        peerOf(relayPartOf(remoteAddr)!) === FAST
          ? Promise.reject(new Error('late'))
          : Promise.resolve()),
  ],
])('a relay that %s hurts nothing', async ([, make]) => {
  const scene = await talking({ [FAST]: { leg: 10, whole: 20 } })
  make(scene)
  await scene.pass(FIRST_MS + 2 * SEARCH_PACE_MS)
  expectStays(scene)
  expect(scene.small.links.of(LARGER)).toHaveLength(1)
  scene.better.detach()
})

test('a dial that takes too long is given up', async () => {
  const scene = await talking({ [FAST]: { leg: 10, whole: 20 } })
  const given: AbortSignal[] = []
  scene.onDial = (signal) => {
    given.push(signal)
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reject(signal.reason as Error)
      })
    })
  }
  while (given.length === 0) await scene.pass(LOOK_MS)
  await scene.pass(SEARCH_TIMEOUT_MS - 1)
  expect(given.map(({ aborted }) => aborted)).toEqual([false])
  await scene.pass(1)
  expect(given.map(({ aborted }) => aborted)).toEqual([true])
  expectStays(scene)
  scene.better.detach()
})

test('what is tried while a direct connection comes is let go', async () => {
  const scene = await talking({ [FAST]: { leg: 10, whole: 20 } })
  const answer = holdPings(scene)
  await scene.pass(FIRST_MS)
  connect(scene.small, scene.large, 'direct')
  answer.resolve(undefined)
  await settled()
  expect(scene.dialled.map(({ status }) => status)).toEqual(['closed'])
  expect(scene.first.status).toBe('open')
  scene.better.detach()
})

test('what is tried is let go when the peer has moved it elsewhere meanwhile', async () => {
  const scene = await talking({ [FAST]: { leg: 10, whole: 20 } })
  const answer = holdPings(scene)
  await scene.pass(FIRST_MS)
  connect(scene.large, scene.small, 'relayed', relayPeer(1))
  await settled()
  answer.resolve(undefined)
  await settled()
  expect(scene.dialled.map(({ status }) => status)).toEqual(['closed'])
  expect([scene.relayOf(scene.small), scene.relayOf(scene.large)]).toEqual([
    relayPeer(1),
    relayPeer(1),
  ])
  scene.better.detach()
})

test('what is tried takes the place of one that ends meanwhile', async () => {
  const scene = await talking({ [FAST]: { leg: 10, whole: 20 } })
  const answer = holdPings(scene)
  await scene.pass(FIRST_MS)
  scene.first.abort(new Error('gone'))
  scene.clock.advance(0)
  await settled()
  expect([scene.living(scene.small).length, scene.living(scene.large).length]).toEqual([1, 1])
  scene.lengths[FAST]!.whole = 2_000
  answer.resolve(undefined)
  await settled()
  expect(scene.dialled.map(({ status }) => status)).toEqual(['open'])
  scene.better.detach()
})

test('load that makes every path long moves it once, and not back and forth', async () => {
  const scene = await talking({
    [FAST]: { leg: 10, whole: 100 },
    [relayPeer(1)]: { leg: 20, whole: 100 },
  })
  await scene.pass(FIRST_MS)
  expect(scene.relayOf(scene.small)).toBe(FAST)
  // With the transfer on it, it is as long as the other was; and that seems short again.
  scene.lengths[FAST]!.whole = 300
  scene.lengths[SLOW] = { leg: 5, whole: 100 }
  await scene.pass(5 * SEARCH_PACE_MS)
  expect(scene.dialled).toHaveLength(1)
  expect(scene.relayOf(scene.small)).toBe(FAST)
  scene.better.detach()
})

test('stopped in the midst of it, nothing is left', async () => {
  const scene = await talking({ [FAST]: { leg: 10, whole: 20 } })
  const answer = holdPings(scene)
  await scene.pass(FIRST_MS)
  expect(scene.dialled.map(({ status }) => status)).toEqual(['open'])
  scene.better.detach()
  answer.resolve(undefined)
  await settled()
  expect(scene.dialled.map(({ status }) => status)).toEqual(['closed'])
  await scene.small.channels.detach()
  await scene.large.channels.detach()
  scene.small.links.detach()
  scene.large.links.detach()
  expect(scene.clock.pending).toBe(0)
})

test('a trial is over before the other side takes it for what counts', () => {
  expect(ROUND_TRIPS * TRIAL_PING_MS).toBeLessThan(TRIAL_WORD_MS)
})
