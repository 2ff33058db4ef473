import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import {
  byWebSocket,
  hostOf,
  isRelayed,
  networkOf,
  MAX_ADDRESS_CHARS,
  parseRelayAddress,
  parseTypedAddress,
  relayPartOf,
  transportOf,
} from '../../../src/lib/p2p/addresses.ts'

const PEER = '12D3KooWA7ir68NuhnTVjSGXymNP1fcHM2ibBW4UnSsyFTpKWmGp'

test.for([
  ['relay.example', 'relay.example', ['/dns/relay.example/tcp/443/tls/ws']],
  [' relay.example:8443 ', 'relay.example:8443', ['/dns/relay.example/tcp/8443/tls/ws']],
  ['https://relay.example/', 'relay.example', ['/dns/relay.example/tcp/443/tls/ws']],
  ['wss://relay.example', 'relay.example', ['/dns/relay.example/tcp/443/tls/ws']],
  ['http://relay.example', 'http://relay.example:80', ['/dns/relay.example/tcp/80/ws']],
  [
    'localhost:8787',
    'localhost:8787',
    ['/dns/localhost/tcp/8787/ws', '/dns/localhost/tcp/8787/tls/ws'],
  ],
  [
    '192.168.1.7:8787',
    '192.168.1.7:8787',
    ['/ip4/192.168.1.7/tcp/8787/tls/ws', '/ip4/192.168.1.7/tcp/8787/ws'],
  ],
  ['[::1]:8787', '[::1]:8787', ['/ip6/::1/tcp/8787/ws', '/ip6/::1/tcp/8787/tls/ws']],
] as const)('%s is understood', ([input, text, multiaddrs]) => {
  const address = parseRelayAddress(input)
  expect(address.text).toBe(text)
  expect(address.multiaddrs.map(String)).toEqual(multiaddrs)
})

test('a host keeps the letters it was written in, for people', () => {
  const address = parseRelayAddress('https://Привет.рф:8443')
  expect(address).toMatchObject({
    text: 'привет.рф:8443',
    name: 'привет.рф:8443',
    host: 'xn--b1agh1afp.xn--p1ai:8443',
  })
  expect(parseRelayAddress(address.text)).toMatchObject({ name: address.name, host: address.host })
})

test.for(['hello', PEER, 'hello:8787'])('a person who types the word %s is asked again', (word) => {
  expect(() => parseTypedAddress(word)).toThrow(
    expect.objectContaining({ name: 'InvalidAddressError' }),
  )
})

test.for(['localhost:8787', 'http://nas:8787', '[::1]:8787', 'relay.example'])(
  'a person may type %s',
  (text) => {
    expect(parseTypedAddress(text)).toEqual(parseRelayAddress(text))
  },
)

test('a multiaddr keeps the peer it names apart from what to dial', () => {
  const address = parseRelayAddress(`/dns4/relay.example/tcp/443/tls/ws/p2p/${PEER}`)
  expect(address).toMatchObject({ peer: PEER, host: 'relay.example' })
  expect(address.multiaddrs.map(String)).toEqual(['/dns4/relay.example/tcp/443/tls/ws'])
})

test.for([
  '',
  ' ',
  'not a host',
  'relay.example/path',
  'https://relay.example/path',
  'https://relay.example/?query',
  'ftp://relay.example',
  'https://user@relay.example',
  '/ip4/1.2.3.4/tcp/4001',
  `/dns4/relay.example/tcp/443/tls/ws/p2p/${PEER}/p2p-circuit`,
  '/nonsense',
  'a'.repeat(MAX_ADDRESS_CHARS + 1),
])('"%s" is refused', (input) => {
  expect(() => parseRelayAddress(input)).toThrow(
    expect.objectContaining({ name: 'InvalidAddressError' }),
  )
})

test('an address tells its relay, host and transport', () => {
  const relay = `/ip4/127.0.0.1/tcp/8787/ws/p2p/${PEER}`
  const circuit = multiaddr(`${relay}/p2p-circuit/p2p/${PEER}`)
  expect(relayPartOf(circuit)?.toString()).toBe(relay)
  expect(relayPartOf(multiaddr(relay))).toBeNull()
  expect(relayPartOf(multiaddr(`/webrtc/p2p/${PEER}`))).toBeNull()
  expect(hostOf(circuit)).toBe('127.0.0.1:8787')
  expect(transportOf(circuit)).toBe('circuit')
  expect(transportOf(multiaddr(relay))).toBe('websocket')
  expect(transportOf(multiaddr(`${relay}/p2p-circuit/webrtc/p2p/${PEER}`))).toBe('webrtc')
})

test('who is at a relay over HTTP is found there by its WebSocket', () => {
  const place = `/dns/relay.example/tcp/443/tls`
  const overHttp = multiaddr(`${place}/http/http-path/connect%2Fsse/p2p/${PEER}`)
  expect(String(byWebSocket(overHttp))).toBe(`${place}/ws/p2p/${PEER}`)
  expect(
    String(byWebSocket(multiaddr(`/ip4/127.0.0.1/tcp/80/http/http-path/connect/p2p/${PEER}`))),
  ).toBe(`/ip4/127.0.0.1/tcp/80/ws/p2p/${PEER}`)
  const socket = multiaddr(`${place}/ws/p2p/${PEER}`)
  expect(byWebSocket(socket)).toBe(socket)
})

test('what goes through a relay is told by its address, over HTTP as well', () => {
  const relay = `/dns/relay.example/tcp/443/tls/http/http-path/connect%2Fbinary/p2p/${PEER}`
  expect(isRelayed(multiaddr(relay))).toBe(false)
  expect(isRelayed(multiaddr(`${relay}/p2p-circuit/p2p/${PEER}`))).toBe(true)
  expect(isRelayed(multiaddr(`${relay}/p2p-circuit/webrtc/p2p/${PEER}`))).toBe(false)
})

test.each([
  ['/ip4/203.0.113.7/tcp/4000/ws', '/ip4/203.0.113.99/tcp/1', true],
  ['/ip4/203.0.113.7/tcp/4000', '/ip4/203.0.114.7/tcp/4000', false],
  ['/ip6/2001:db8:1:2::3/tcp/4000', '/ip6/2001:db8:1::/udp/1', true],
  ['/ip6/2001:db8:1::3/tcp/4000', '/ip6/2001:db8:2::3/tcp/4000', false],
])('%s and %s are of one network: %s', (one, other, same) => {
  expect(networkOf(multiaddr(one)) === networkOf(multiaddr(other))).toBe(same)
})

test('a name is of no network', () => {
  expect(networkOf(multiaddr('/dns/relay.example/tcp/443'))).toBeNull()
})
