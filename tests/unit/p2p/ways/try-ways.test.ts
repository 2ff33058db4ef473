import type { Connection, Libp2p } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { expect, onTestFinished, test, vi } from 'vitest'
import { parseRelayAddress } from '../../../../src/lib/p2p/addresses.ts'
import type { WayTried } from '../../../../src/lib/p2p/api.ts'
import {
  announcedWebTransport,
  MAX_RELAYS_TRIED,
  MAX_WEBTRANSPORT_TRIED,
  type TriedRelay,
  tryWays,
  WAY_TIMEOUT_MS,
  type WaysComponents,
} from '../../../../src/lib/p2p/ways/try-ways.ts'
import type { IceServer } from '../../../../src/lib/p2p/rtc/ice-servers.ts'
import { ManualClock } from '../../../fixtures/manual-clock.ts'
import { settled } from '../../../fixtures/fake-network.ts'

const TURN = {
  urls: ['turn:relay.example:3478?transport=udp', 'turns:relay.example:443?transport=tcp'],
  username: 'somebody',
  credential: 'secret',
}

function relayAt(host: string, ...servers: IceServer[]): TriedRelay {
  return {
    address: parseRelayAddress(host),
    webTransport: () => Promise.resolve([]),
    iceServers: () => Promise.resolve(servers),
  }
}

const HASH = 'uEiCyzkonC9IpDMxKwFZ9vm57eVoCq_wvI1QNdwMZsayYVQ'
const PEER = '12D3KooWD6nrPokBZTD21hQxgjwu7mNddCKK3eXuM8kAFWWaoXfw'
const WEB_TRANSPORT = `/dns/relay.example/udp/4433/quic-v1/webtransport/certhash/${HASH}/p2p/${PEER}`

/** Ways that are let through by what their address has in it; those with `hangs` never answer. */
function network(passes: (address: string) => boolean | 'hangs') {
  const clock = new ManualClock()
  const released: string[] = []
  const components: WaysComponents = {
    clock,
    dial: async (_relay, [address]: Multiaddr[], signal) => {
      const text = decodeURIComponent(address!.toString())
      const passed = passes(text)
      if (passed === 'hangs') return new Promise(() => undefined)
      await Promise.resolve()
      signal.throwIfAborted()
      if (!passed) throw new Error('refused')
      return { remoteAddr: address } as unknown as Connection
    },
    release: ({ remoteAddr }) => {
      released.push(decodeURIComponent(remoteAddr.toString()))
    },
    pinger: { ping: () => Promise.resolve(7) },
    probe: ({ urls }) =>
      passes(urls[0]!) === true ? Promise.resolve(9) : Promise.reject(new Error()),
  }
  return { clock, components, released }
}

async function all(ways: AsyncIterable<WayTried[]>): Promise<WayTried[][]> {
  const seen: WayTried[][] = []
  for await (const tried of ways) seen.push(tried)
  return seen
}

const never = new AbortController().signal
const statesOf = (tried: readonly WayTried[] | undefined): string[] =>
  (tried ?? []).map(({ way, state, latencyMs }) => `${way} ${state} ${latencyMs ?? '–'}`)

test('each way is tried for real, by a connection that is let go again', async () => {
  const { components, released } = network(
    (address) => !address.includes('/tls/ws') && !address.includes('turns:'),
  )
  const seen = await all(tryWays(components, [relayAt('relay.example', TURN)], never))
  expect(statesOf(seen[0])).toEqual([
    'websocket trying –',
    'http-binary waiting –',
    'http-sse waiting –',
    'http-longpoll waiting –',
    'http-ws waiting –',
  ])
  expect(statesOf(seen.at(-1))).toEqual([
    'websocket fails –',
    'http-binary works 7',
    'http-sse works 7',
    'http-longpoll works 7',
    'http-ws works 7',
    'turn-udp works 9',
    'turn-tls fails –',
  ])
  expect(released.map((address) => address.replace(/^.*\//, ''))).toEqual([
    'binary',
    'sse',
    'longpoll',
    'ws',
  ])
})

test('servers of one kind are one way, which works when any of them does', async () => {
  const { components } = network((address) => !address.includes(':3478'))
  const tcp = ['turn:relay.example:3478?transport=tcp', 'turn:relay.example:443?transport=tcp']
  const servers = [TURN, { ...TURN, urls: tcp }, { ...TURN, urls: [TURN.urls[0]!] }]
  const seen = await all(tryWays(components, [relayAt('relay.example', ...servers)], never))
  expect(statesOf(seen.at(-1)).slice(5)).toEqual([
    'turn-udp fails –',
    'turn-tls works 9',
    'turn-tcp works 9',
  ])
})

test('WebTransport is tried last of the ways to a relay, by the addresses it says, and where it has any', async () => {
  const { components, released } = network((address) => address.includes('/webtransport'))
  const relay = relayAt('relay.example', TURN)
  const addresses = Array.from({ length: MAX_WEBTRANSPORT_TRIED + 1 }, () =>
    multiaddr(WEB_TRANSPORT),
  )
  const dialled: Multiaddr[][] = []
  const dial: WaysComponents['dial'] = (to, some, signal) => {
    dialled.push(some)
    return components.dial(to, some, signal)
  }
  const ways = tryWays(
    { ...components, dial },
    [{ ...relay, webTransport: () => Promise.resolve(addresses) }],
    never,
  )
  expect(statesOf((await all(ways)).at(-1)).slice(4)).toEqual([
    'http-ws fails –',
    'webtransport works 7',
    'turn-udp fails –',
    'turn-tls fails –',
  ])
  expect(dialled.at(-1)).toHaveLength(MAX_WEBTRANSPORT_TRIED)
  expect(released).toEqual([WEB_TRANSPORT])
})

test('a browser without WebTransport is not said to be held up', async () => {
  const id = { toString: () => PEER }
  const at = multiaddr(WEB_TRANSPORT)
  const addresses = [{ multiaddr: at.decapsulate('/p2p'), isCertified: false }]
  const peerStore = { get: () => Promise.resolve({ id, addresses }) }
  const announced = (): Promise<Multiaddr[]> =>
    announcedWebTransport(
      { peerStore } as unknown as Pick<Libp2p, 'peerStore'>,
      { remotePeer: id } as unknown as Connection,
    )
  expect(await announced()).toEqual([])
  vi.stubGlobal('WebTransport', {})
  onTestFinished(() => void vi.unstubAllGlobals())
  expect((await announced()).map(String)).toEqual([WEB_TRANSPORT])
})

test('a way without an answer fails in time, and the next is tried', async () => {
  const { clock, components } = network((address) => (address.includes('/tls/ws') ? 'hangs' : true))
  const done = all(tryWays(components, [relayAt('relay.example')], never))
  await settled()
  clock.advance(WAY_TIMEOUT_MS)
  expect(statesOf((await done).at(-1)).slice(0, 2)).toEqual([
    'websocket fails –',
    'http-binary works 7',
  ])
  expect(clock.pending).toBe(0)
})

test('whoever does not want to know any more ends it', async () => {
  const { clock, components } = network(() => 'hangs')
  const enough = new AbortController()
  const done = all(tryWays(components, [relayAt('relay.example')], enough.signal))
  await settled()
  enough.abort()
  await expect(done).rejects.toThrow()
  await settled()
  clock.advance(WAY_TIMEOUT_MS)
  expect(clock.pending).toBe(0)
})

test('of many relays some are tried', async () => {
  const { components } = network(() => true)
  const relays = Array.from({ length: MAX_RELAYS_TRIED + 1 }, (_, at) =>
    relayAt(`relay-${at}.example`),
  )
  const last = (await all(tryWays(components, relays, never))).at(-1)
  expect(new Set(last!.map(({ relay }) => relay)).size).toBe(MAX_RELAYS_TRIED)
})

test('without a relay there is nothing to try', async () => {
  const { components } = network(() => true)
  expect(await all(tryWays(components, [], never))).toEqual([[]])
})
