import type { Connection } from '@libp2p/interface'
import type { TransportManager } from '@libp2p/interface-internal'
import { StreamCloseEvent } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { TypedEventEmitter } from 'main-event'
import { expect, test } from 'vitest'
import { parseRelayAddress, transportOf } from '../../../../src/lib/p2p/addresses.ts'
import type { Node } from '../../../../src/lib/p2p/node.ts'
import { Networks } from '../../../../src/lib/p2p/ways/networks.ts'
import { DexieNetworkStore } from '../../../../src/lib/p2p/ways/store.ts'
import { HEAD_START_MS } from '../../../../src/lib/p2p/ways/tally.ts'
import {
  BUSY_MS,
  MAX_ANNOUNCED,
  MOVING_MS,
  PROVEN_MS,
  WayFinder,
} from '../../../../src/lib/p2p/ways/way-finder.ts'
import { settled } from '../../../fixtures/fake-network.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { memoryDatabase } from '../../../fixtures/memory-database.ts'
import { silent } from '../fake-network.ts'

const RELAY = parseRelayAddress('wss://relay.example')
const PEER = '12D3KooWD6nrPokBZTD21hQxgjwu7mNddCKK3eXuM8kAFWWaoXfw'
const HASH = 'uEiCyzkonC9IpDMxKwFZ9vm57eVoCq_wvI1QNdwMZsayYVQ'
const WEB_TRANSPORT = `/dns/relay.example/udp/4433/quic-v1/webtransport/certhash/${HASH}`
const never = new AbortController().signal

type Fate = 'passes' | 'fails' | 'hangs'

/** A network, and who is on it. */
async function aFinder(fates: { websocket: Fate; http: Fate; webtransport?: Fate }) {
  const clock = new ManualClock()
  const networks = new Networks({
    store: new DexieNetworkStore(memoryDatabase()),
    clock,
    log: silent,
  })
  await networks.open()
  const finder = new WayFinder({ networks, clock, log: silent })
  const tried: string[] = []
  const libp2p = new TypedEventEmitter<{ 'peer:identify': CustomEvent }>()
  const dial = (address: Multiaddr, { signal }: { signal: AbortSignal }): Promise<Connection> => {
    const transport = transportOf(address)
    tried.push(transport)
    const way = transport.startsWith('http-') ? 'http' : (transport as 'websocket')
    const fate = fates[way]
    if (fate === 'fails') return Promise.reject(new Error(`no ${way}`))
    if (fate === 'passes') return Promise.resolve(new FakeConnection(address, clock) as never)
    return new Promise((_, reject) => {
      signal.addEventListener('abort', () => {
        reject(new Error('ended'))
      })
    })
  }
  const transports = { dial, dialTransportForMultiaddr: () => ({}) } as unknown as TransportManager
  finder.attach({ libp2p, transports } as unknown as Pick<Node, 'libp2p' | 'transports'>)
  const identify = (connection: Connection, listenAddrs: string[], observed: string): void => {
    libp2p.safeDispatchEvent('peer:identify', {
      detail: {
        connection,
        peerId: PEER,
        listenAddrs: listenAddrs.map((each) => multiaddr(each)),
        observedAddr: multiaddr(observed),
      },
    })
  }
  return { clock, networks, finder, tried, fates, identify }
}

class FakeConnection extends EventTarget {
  readonly direct = true
  readonly timeline: { open: number }
  readonly remoteAddr: Multiaddr

  constructor(remoteAddr: Multiaddr, clock: ManualClock) {
    super()
    this.remoteAddr = remoteAddr
    this.timeline = { open: clock.now() }
  }

  /** As libp2p tells that one was closed, was ended here, or broke. */
  end(how: 'closed' | 'aborted' | 'cut'): void {
    const error = how === 'closed' ? undefined : new Error(how)
    this.dispatchEvent(new StreamCloseEvent(how === 'aborted', error))
  }
}

test('what a network swallows is not waited for; the next time it is not begun with', async () => {
  const { clock, finder, tried, networks } = await aFinder({ websocket: 'hangs', http: 'passes' })
  const connecting = finder.connect(RELAY, never)
  clock.advance(HEAD_START_MS.most)
  expect(transportOf((await connecting).remoteAddr)).toBe('http-binary')
  expect(tried).toEqual(['websocket', 'http-binary'])
  expect(networks.of(RELAY.host, 'websocket')).toMatchObject({ tries: 1, through: 0 })
  await finder.connect(RELAY, never)
  expect(tried.slice(2)).toEqual(['http-binary'])
})

test('what fails at a change of networks is tried once more before another way is', async () => {
  const { clock, finder, fates, tried } = await aFinder({ websocket: 'fails', http: 'passes' })
  finder.moved()
  const connecting = finder.connect(RELAY, never)
  fates.websocket = 'passes'
  expect(transportOf((await connecting).remoteAddr)).toBe('websocket')
  expect(tried).toEqual(['websocket', 'websocket'])
  fates.websocket = 'fails'
  clock.advance(MOVING_MS)
  await finder.connect(RELAY, never)
  expect(tried.slice(2)).toEqual(['websocket', 'http-binary'])
})

test('when nothing comes through, nothing is held against any way', async () => {
  const { finder, fates, tried } = await aFinder({ websocket: 'fails', http: 'fails' })
  await expect(finder.connect(RELAY, never)).rejects.toMatchObject({
    errors: [{ message: 'no websocket' }, { message: 'no http' }],
  })
  fates.websocket = 'passes'
  await finder.connect(RELAY, never)
  expect(tried).toEqual(['websocket', 'http-binary', 'websocket'])
})

test('what breaks soon has not come through; what ends here or lasts has', async () => {
  const { clock, finder, tried, networks } = await aFinder({ websocket: 'passes', http: 'passes' })
  const connect = async (): Promise<FakeConnection> =>
    (await finder.connect(RELAY, never)) as unknown as FakeConnection
  ;(await connect()).end('closed')
  ;(await connect()).end('aborted')
  const lasts = await connect()
  clock.advance(PROVEN_MS)
  lasts.end('cut')
  expect(networks.of(RELAY.host, 'websocket')?.through).toBeGreaterThan(1)
  for (let cuts = 0; cuts < 8 && !tried.includes('http-binary'); cuts += 1) {
    const cut = await connect()
    clock.advance(PROVEN_MS - 1)
    cut.end('cut')
  }
  expect(tried).toContain('http-binary')
})

test('what breaks since the relay is gone is held against no way', async () => {
  const { finder, fates, networks } = await aFinder({ websocket: 'passes', http: 'fails' })
  const connection = (await finder.connect(RELAY, never)) as unknown as FakeConnection
  connection.end('cut')
  fates.websocket = 'fails'
  await expect(finder.connect(RELAY, never)).rejects.toBeInstanceOf(AggregateError)
  fates.websocket = 'passes'
  await finder.connect(RELAY, never)
  expect(networks.of(RELAY.host, 'websocket')?.through).toBeGreaterThan(1)
})

test('where it said that it has WebTransport it is reached when nothing else goes', async () => {
  const { finder, fates, tried, identify } = await aFinder({
    websocket: 'passes',
    http: 'passes',
    webtransport: 'passes',
  })
  const connection = await finder.connect(RELAY, never)
  const many = Array.from({ length: 9 }, (_, at) => WEB_TRANSPORT.replace('4433', String(at + 1)))
  identify(
    connection,
    [WEB_TRANSPORT, ...many, '/dns/relay.example/tcp/443/tls/ws'],
    '/ip4/1.2.3.4',
  )
  Object.assign(fates, { websocket: 'fails', http: 'fails', webtransport: 'fails' })
  await expect(finder.connect(RELAY, never)).rejects.toBeInstanceOf(AggregateError)
  expect(tried.filter((each) => each === 'webtransport')).toHaveLength(MAX_ANNOUNCED)
  fates.webtransport = 'passes'
  const { remoteAddr } = await finder.connect(RELAY, never)
  expect(remoteAddr.toString()).toBe(`${WEB_TRANSPORT}/p2p/${PEER}`)
})

test('the ways are told in the order they are tried, with what is used, blocked and untried', async () => {
  const { finder, identify } = await aFinder({ websocket: 'fails', http: 'passes' })
  const states = (connection?: Connection): string[] =>
    finder
      .ranked(RELAY, connection === undefined ? [] : [connection])
      .map(({ way, state }) => `${way} ${state}`)
  expect(states()).toEqual(['websocket untried', 'http untried'])
  const connection = await finder.connect(RELAY, never)
  identify(connection, [WEB_TRANSPORT], '/ip4/192.0.2.7')
  const order = ['http used', 'websocket blocked', 'webtransport untried']
  expect(states(connection)).toEqual(order)
  expect(states()).toEqual(['http open', ...order.slice(1)])
  const scores = finder.ranked(RELAY, [connection]).map(({ score }) => score)
  expect(scores).toEqual(scores.toSorted((a, b) => b - a))
})

test('a relay that no way comes through to is down, until one does or the network changes', async () => {
  const { finder, fates } = await aFinder({ websocket: 'fails', http: 'fails' })
  const states = (): string[] => finder.ranked(RELAY, []).map(({ state }) => state)
  let changes = 0
  finder.addEventListener('changed', () => {
    changes += 1
  })
  await expect(finder.connect(RELAY, never)).rejects.toBeInstanceOf(AggregateError)
  expect(states()).toEqual(['down', 'down'])
  finder.moved()
  expect(states()).toEqual(['untried', 'untried'])
  await expect(finder.connect(RELAY, never)).rejects.toBeInstanceOf(AggregateError)
  fates.websocket = 'passes'
  await finder.connect(RELAY, never)
  expect(states()).toEqual(['open', 'untried'])
  expect(changes).toBe(4)
  finder.detach()
  expect(states()).toEqual([])
})

test('what works on one network is not taken for what works on another', async () => {
  const { finder, fates, tried, identify, networks } = await aFinder({
    websocket: 'fails',
    http: 'passes',
  })
  identify(await finder.connect(RELAY, never), [], '/ip4/192.0.2.7')
  await settled()
  networks.moved()
  fates.websocket = 'passes'
  identify(await finder.connect(RELAY, never), [], '/ip4/198.51.100.1')
  tried.length = 0
  await finder.connect(RELAY, never)
  expect(tried).toEqual(['websocket'])
  networks.moved()
  networks.on('04c00002')
  await finder.connect(RELAY, never)
  expect(tried).toEqual(['websocket', 'http-binary'])
})

test('pings and what is carried over a connection made here are counted for its way, until it ends', async () => {
  const { clock, finder, identify, networks } = await aFinder({
    websocket: 'passes',
    http: 'passes',
  })
  const connection = await finder.connect(RELAY, never)
  const { timeline } = connection
  const tally = () => networks.of(RELAY.host, 'websocket')
  finder.pinged({ connection, isLate: true })
  expect(tally()?.pings).toBeUndefined()
  identify(connection, [], '/ip4/192.0.2.7')
  finder.pinged({ connection, isLate: true })
  finder.carried({ timeline: {}, bytesPerSecond: 9e9 })
  finder.carried({ timeline, bytesPerSecond: 500_000 })
  expect(tally()).toMatchObject({
    pings: { count: 1, late: 1 },
    carried: { bytesPerSecond: 500_000 },
  })
  // It waited behind what was carried.
  finder.pinged({ connection, isLate: true })
  expect(tally()?.pings?.count).toBe(1)
  clock.advance(BUSY_MS)
  finder.pinged({ connection, isLate: true })
  const pings = tally()?.pings
  expect(pings?.count).toBeGreaterThan(1)
  expect(finder.ranked(RELAY, [connection])[0]).toMatchObject({ bytesPerSecond: 500_000 })
  ;(connection as unknown as FakeConnection).end('closed')
  finder.pinged({ connection, isLate: true })
  expect(tally()?.pings).toEqual(pings)
})

test('what was made on another network is not held against a way on this one', async () => {
  const { clock, finder, identify, networks } = await aFinder({
    websocket: 'passes',
    http: 'passes',
  })
  const connection = await finder.connect(RELAY, never)
  identify(connection, [], '/ip4/192.0.2.7')
  const pings = () => networks.of(RELAY.host, 'websocket')?.pings
  finder.moved()
  finder.pinged({ connection, isLate: true })
  finder.carried({ timeline: connection.timeline, bytesPerSecond: 500_000 })
  expect(networks.of(RELAY.host, 'websocket')).not.toHaveProperty('carried')
  expect(pings()).toBeUndefined()
  clock.advance(BUSY_MS)
  // One that answers tells that it is the same network still.
  finder.pinged({ connection, isLate: false })
  finder.pinged({ connection, isLate: true })
  expect(pings()).toMatchObject({ late: 1 })
})

test('a second connection goes by the best other way that is open here, or by plain HTTP', async () => {
  const { finder, fates, tried, identify } = await aFinder({
    websocket: 'passes',
    http: 'passes',
    webtransport: 'passes',
  })
  const first = await finder.connect(RELAY, never)
  identify(first, [WEB_TRANSPORT], '/ip4/192.0.2.7')
  tried.length = 0
  const second = await finder.connectBeside(RELAY, first, 'any', never)
  expect(transportOf(second!.remoteAddr)).toBe('http-binary')
  const states = finder.ranked(RELAY, [first, second!]).map(({ way, state }) => `${way} ${state}`)
  expect(states).toEqual(['websocket used', 'http spare', 'webtransport untried'])
  // What never came through here is not tried, and what fails is not held against its way.
  expect(await finder.connectBeside(RELAY, second!, 'any', never)).not.toBeNull()
  fates.http = 'fails'
  await expect(finder.connectBeside(RELAY, first, 'any', never)).rejects.toThrow('no http')
  expect(tried).toEqual(['http-binary', 'websocket', 'http-binary'])
  expect(finder.ranked(RELAY, [first])[1]).toMatchObject({ way: 'http', state: 'open' })
})

test('where every other way is blocked and no better there is no second connection', async () => {
  const { finder, fates, tried } = await aFinder({ websocket: 'passes', http: 'fails' })
  const first = (await finder.connect(RELAY, never)) as unknown as FakeConnection
  first.end('cut')
  fates.websocket = 'fails'
  fates.http = 'passes'
  const overHttp = await finder.connect(RELAY, never)
  fates.websocket = 'passes'
  const overSocket = await finder.connectBeside(RELAY, overHttp, 'any', never)
  fates.http = 'fails'
  ;(overHttp as unknown as FakeConnection).end('cut')
  await finder.connect(RELAY, never)
  tried.length = 0
  await expect(finder.connectBeside(RELAY, overSocket!, 'better', never)).resolves.toBeNull()
  expect(tried).toEqual([])
})

test('a better way is tried beside the one in use although it was blocked, and the next start begins with it', async () => {
  const { finder, fates, tried, networks } = await aFinder({ websocket: 'fails', http: 'passes' })
  // Often enough that one time it goes says little.
  for (let times = 0; times < 8; times += 1) {
    networks.count({ relay: RELAY.host, way: 'websocket', outcome: { through: false } })
  }
  const used = await finder.connect(RELAY, never)
  await expect(finder.connectBeside(RELAY, used, 'any', never)).rejects.toThrow('no websocket')
  const before = networks.of(RELAY.host, 'websocket')
  fates.websocket = 'passes'
  const better = await finder.connectBeside(RELAY, used, 'better', never)
  expect(transportOf(better!.remoteAddr)).toBe('websocket')
  expect(finder.isBetter(RELAY, better!, used)).toBe(true)
  expect(finder.isBetter(RELAY, used, better!)).toBe(false)
  // What failed was held against no way.
  expect(networks.of(RELAY.host, 'websocket')?.tries).toBeGreaterThan(before!.tries * 0.7)
  finder.lasted(RELAY, better!)
  tried.length = 0
  await finder.connect(RELAY, never)
  expect(tried).toEqual(['websocket'])
})

test('of several ways that may be better one that hangs holds up no other', async () => {
  const { clock, finder, fates, identify, networks } = await aFinder({
    websocket: 'fails',
    http: 'passes',
    webtransport: 'passes',
  })
  const used = await finder.connect(RELAY, never)
  identify(used, [WEB_TRANSPORT], '/ip4/192.0.2.7')
  networks.count({ relay: RELAY.host, way: 'webtransport', outcome: { through: false } })
  fates.websocket = 'hangs'
  const connecting = finder.connectBeside(RELAY, used, 'any', never)
  clock.advance(HEAD_START_MS.most)
  expect(transportOf((await connecting)!.remoteAddr)).toBe('webtransport')
})

test('a way whose pings are late is left for another one', async () => {
  const { clock, finder, identify } = await aFinder({
    websocket: 'passes',
    http: 'passes',
    webtransport: 'passes',
  })
  const used = await finder.connect(RELAY, never)
  identify(used, [WEB_TRANSPORT], '/ip4/192.0.2.7')
  const other = new FakeConnection(multiaddr(WEB_TRANSPORT), clock) as unknown as Connection
  expect(finder.isBetter(RELAY, other, used)).toBe(false)
  for (let pings = 0; pings < 4; pings += 1) finder.pinged({ connection: used, isLate: true })
  expect(finder.isBetter(RELAY, other, used)).toBe(true)
})
