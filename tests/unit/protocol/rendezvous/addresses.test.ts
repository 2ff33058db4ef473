import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { peerIdOf } from '#lib/protocol/ids.ts'
import {
  decodeRendezvousAddress,
  metAddress,
  rendezvousAddress,
} from '#lib/protocol/rendezvous/addresses.ts'

const RELAY = peerIdOf(new Uint8Array(32).fill(1))
const PEER = peerIdOf(new Uint8Array(32).fill(2))

test.for([
  [`/dns4/relay.example/tcp/443/tls/ws/p2p/${RELAY}`, 'https://relay.example:443'],
  [`/dns/relay.example/tcp/443/wss`, 'https://relay.example:443'],
  ['/ip4/192.0.2.1/tcp/8787/ws', 'http://192.0.2.1:8787'],
  ['/ip6/2001:db8::1/tcp/80/http/http-path/connect%2Fsse', 'http://[2001:db8::1]:80'],
  ['/dns/relay.example/tcp/443/tls/http/http-path/connect', 'https://relay.example:443'],
])('the relay at %s is met at over the same host and port', ([at, origin]) => {
  const address = rendezvousAddress(multiaddr(at), RELAY, PEER)!
  expect(decodeRendezvousAddress(address)).toEqual({ origin, relay: RELAY, peer: PEER })
  expect(decodeRendezvousAddress(multiaddr(address.toString()))).not.toBe(null)
  const met = metAddress(address)
  expect(decodeRendezvousAddress(met)).toBe(null)
  expect(met.toString()).toMatch(new RegExp(`/ws/p2p/${RELAY}/p2p-circuit/p2p/${PEER}$`))
})

test.for([
  '/ip4/192.0.2.1/udp/443/quic-v1/webtransport',
  '/ip4/192.0.2.1/udp/443/webrtc-direct',
  '/ip4/192.0.2.1/tcp/443',
  `/dns/relay.example/tcp/443/tls/ws/p2p/${RELAY}/p2p-circuit/webrtc/p2p/${PEER}`,
])('nobody is met over %s', (at) => {
  expect(rendezvousAddress(multiaddr(at), RELAY, PEER)).toBe(null)
})

test.for([
  `/ip4/192.0.2.1/tcp/80/ws/p2p/${RELAY}/p2p-circuit/p2p/${PEER}`,
  `/ip4/192.0.2.1/tcp/80/ws/http-path/other/p2p/${RELAY}/p2p-circuit/p2p/${PEER}`,
  `/ip4/192.0.2.1/tcp/80/ws/http-path/p2p/p2p-circuit/p2p/${PEER}`,
])('%s is another kind of address', (text) => {
  expect(decodeRendezvousAddress(multiaddr(text))).toBe(null)
})
