import { TypedEventEmitter } from 'main-event'
import { expect, test } from 'vitest'
import type { ConnectionInfo } from '../../../../src/lib/features/network/api.ts'
import type { MailboxesOfNetwork } from '../../../../src/lib/features/network/service.ts'
import { network } from '../../../../src/lib/features/network/index.ts'
import type {
  LinkInfo,
  Network,
  NetworkEvents,
  NodeState,
  RankedWay,
  RelayStatus,
  WayTried,
} from '../../../../src/lib/p2p/api.ts'
import { LogRing } from '../../../../src/lib/p2p/log-ring.ts'
import { type PeerIdString, peerIdOf } from '../../../../src/lib/protocol/ids.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'

const [ME, RELAY, ANNA, STRANGER] = [1, 2, 3, 4].map((byte) =>
  peerIdOf(new Uint8Array(32).fill(byte)),
) as [PeerIdString, PeerIdString, PeerIdString, PeerIdString]

const PACE_MS = 100
const METER_MS = 2_000
const MEASURE_MS = 30_000

class FakeNetwork extends TypedEventEmitter<NetworkEvents> implements Network {
  readonly peer = ME
  state: NodeState = 'starting'
  webrtc = false
  open: LinkInfo[] = []
  known: RelayStatus[] = []
  ranked: Record<string, RankedWay[]> = {}
  readonly asked: string[] = []

  addresses(): string[] {
    return ['/dns/relay.example/tcp/443/tls/ws']
  }

  links(): LinkInfo[] {
    return this.open
  }

  relays(): RelayStatus[] {
    return this.known
  }

  ways(relay: string): RankedWay[] {
    return this.ranked[relay] ?? []
  }

  async addRelay(address: string): Promise<string> {
    await this.#ask(`add ${address}`)
    return address
  }

  removeRelay(address: string): Promise<void> {
    return this.#ask(`remove ${address}`)
  }

  async checkRelay(address: string) {
    await this.#ask(`check ${address}`)
    return { ok: true, peer: RELAY, latencyMs: 48, error: null }
  }

  async *tryWays(): AsyncGenerator<WayTried[]> {
    await this.#ask('try ways')
    yield [{ way: 'websocket', relay: 'relay.example', state: 'works', latencyMs: 48 }]
  }

  preferRelay(address: string, preferred: boolean): Promise<void> {
    return this.#ask(`prefer ${address} ${preferred}`)
  }

  measureRelays(): Promise<void> {
    return this.#ask('measure')
  }

  askRelay(): Promise<never> {
    return Promise.reject(new Error('nobody is asked here'))
  }

  wake(reason: string): Promise<void> {
    return this.#ask(`wake ${reason}`)
  }

  rest(): Promise<void> {
    return this.#ask('rest')
  }

  tell(): void {
    this.safeDispatchEvent('changed')
  }

  #ask(what: string): Promise<void> {
    this.asked.push(what)
    return Promise.resolve()
  }
}

class FakeMailboxes
  extends TypedEventEmitter<{ moved: CustomEvent }>
  implements MailboxesOfNetwork
{
  kept: ReturnType<MailboxesOfNetwork['relays']> = []

  relays() {
    return this.kept
  }
}

function relay(address: string): RelayStatus {
  return {
    address,
    name: address,
    peer: null,
    state: 'reserved',
    source: 'learned',
    latencyMs: null,
    lastConnectedAtMs: null,
    addedAtMs: 0,
    preferred: false,
    said: null,
  }
}

function link(peer: PeerIdString, relay: string | null = null): LinkInfo {
  return {
    id: peer,
    peer,
    relay,
    path: 'direct',
    transport: 'websocket',
    address: `/dns/relay.example/tcp/443/tls/ws/p2p/${peer}`,
    direction: 'outbound',
    openedAtMs: 0,
    latencyMs: null,
    bytesIn: 0,
    bytesOut: 0,
  }
}

function subject() {
  const clock = new ManualClock()
  const node = new FakeNetwork()
  const log = new LogRing(clock)
  const names = (peer: PeerIdString): string | null => (peer === ANNA ? 'Anna' : null)
  const mailboxes = new FakeMailboxes()
  const service = network()({ network: node, log, names, mailboxes, clock })
  const ended = new AbortController()
  const read = <T>(states: AsyncIterable<T>) => {
    const reader = states[Symbol.asyncIterator]()
    return async (): Promise<T | undefined> => {
      const next = await reader.next()
      return next.done === true ? undefined : next.value
    }
  }
  return { clock, node, log, mailboxes, service, ended, read, options: { signal: ended.signal } }
}

test('tells who I am, and again when that changes', async () => {
  const { clock, node, service, read, options } = subject()
  const next = read(service.watchSelf(options))
  const first = { peer: ME, state: 'starting', addresses: node.addresses(), webrtc: false }
  expect(await next()).toEqual(first)
  const second = next()
  node.state = 'online'
  node.webrtc = true
  node.tell()
  clock.advance(PACE_MS)
  expect(await second).toEqual({ ...first, state: 'online', webrtc: true })
})

test('calls a connection by its contact, else by its relay, else by nothing', async () => {
  const { node, service, read, options } = subject()
  node.open = [link(RELAY, 'relay.example'), link(ANNA), link(STRANGER)]
  const connections = await read(service.watchConnections(options))()
  const called = ({ name, kind }: ConnectionInfo) => [kind, name]
  expect(connections?.map(called)).toEqual([
    ['relay', 'relay.example'],
    ['contact', 'Anna'],
    ['other', null],
  ])
})

test('bytes and latency, which change without an event, are read again while somebody looks', async () => {
  const { clock, node, service, ended, read, options } = subject()
  node.open = [link(ANNA)]
  const next = read(service.watchConnections(options))
  expect((await next())?.[0]).toMatchObject({ latencyMs: null, bytesIn: 0 })
  const second = next()
  clock.advance(PACE_MS)
  node.open = [{ ...link(ANNA), latencyMs: 48, bytesIn: 4 }]
  clock.advance(METER_MS)
  expect((await second)?.[0]).toMatchObject({ latencyMs: 48, bytesIn: 4 })
  const end = next()
  ended.abort()
  expect(await end).toBeUndefined()
  expect(clock.pending).toBe(0)
})

test('tells which relays keep what comes for me, and which were caught losing it', async () => {
  const { clock, mailboxes, node, service, read, options } = subject()
  node.known = ['keeps', 'caught', 'left', 'none'].map(relay)
  const next = read(service.watchRelays(options))
  expect((await next())?.map(({ mailbox }) => mailbox)).toEqual([null, null, null, null])
  const second = next()
  mailboxes.kept = [
    { address: 'keeps', retiredAtMs: null, caught: false },
    { address: 'caught', retiredAtMs: 1, caught: true },
    { address: 'left', retiredAtMs: 1, caught: false },
  ]
  mailboxes.safeDispatchEvent('moved')
  clock.advance(PACE_MS)
  expect((await second)?.map(({ mailbox }) => mailbox)).toEqual(['keeps', 'caught', null, null])
})

test('tells the ways to each relay, and again when one is blocked', async () => {
  const { clock, node, service, read, options } = subject()
  const way = {
    ...({ way: 'websocket', mode: null, score: 0.9, openMs: 80, triedAtMs: 0 } as const),
    ...{ lateShare: null, bytesPerSecond: null },
  }
  node.known = ['one', 'other'].map(relay)
  node.ranked = { one: [{ ...way, state: 'used' }] }
  const next = read(service.watchRelays(options))
  expect((await next())?.map(({ ways }) => ways)).toEqual([[{ ...way, state: 'used' }], []])
  const second = next()
  node.ranked = { one: [{ ...way, state: 'blocked' }] }
  node.tell()
  clock.advance(PACE_MS)
  expect((await second)?.map(({ ways }) => ways)).toEqual([[{ ...way, state: 'blocked' }], []])
})

test('tells how relays stand, asks them anew while somebody looks, and then no more', async () => {
  const { clock, node, service, ended, read, options } = subject()
  node.known = [relay('relay.example')]
  const next = read(service.watchRelays(options))
  expect(await next()).toMatchObject([{ preferred: false, said: null }])
  const second = next()
  clock.advance(PACE_MS)
  const said = { upMs: 60_000, loadPercent: 20, copies: null }
  node.known = [{ ...relay('relay.example'), preferred: true, said }]
  node.tell()
  clock.advance(PACE_MS)
  expect(await second).toMatchObject([{ preferred: true, said }])
  expect(node.asked).toEqual(['measure'])
  clock.advance(MEASURE_MS)
  expect(node.asked).toEqual(['measure', 'measure'])
  const end = next()
  ended.abort()
  expect(await end).toBeUndefined()
  expect(clock.pending).toBe(0)
})

test('tells the log from a level on', async () => {
  const { log, service, read, options } = subject()
  log.loggers('keeper').debug('whispered')
  log.loggers('keeper').warn('said aloud')
  const lines = await read(service.watchLog('warn', options))()
  expect(lines?.map(({ scope, text }) => `${scope}: ${text}`)).toEqual(['keeper: said aloud'])
})

test('what a person asks of the network reaches it', async () => {
  const { node, service } = subject()
  await service.addRelay('relay.example')
  await service.preferRelay('relay.example', true)
  await service.removeRelay('relay.example')
  expect(await service.testRelay('relay.example')).toMatchObject({ ok: true, latencyMs: 48 })
  await service.rest()
  await service.wake('online')
  expect(node.asked).toEqual([
    'add relay.example',
    'prefer relay.example true',
    'remove relay.example',
    'check relay.example',
    'rest',
    'wake online',
  ])
})
