import { expect, test } from 'vitest'
import {
  type Assisted,
  assistedBy,
  MAX_RECORDED_RELAYS,
} from '../../../../src/lib/p2p/rendezvous/assisted.ts'
import { type AssistAnswer, MAX_ASSIST_RELAYS } from '../../../../src/lib/protocol/assist.ts'
import { peerIdOf, type PeerIdString } from '../../../../src/lib/protocol/ids.ts'

const peers = Array.from({ length: MAX_ASSIST_RELAYS }, (_, n) =>
  peerIdOf(new Uint8Array(32).fill(n + 1)),
)
const [ASKED, PEER, OTHER] = peers as [PeerIdString, PeerIdString, PeerIdString]

/** What is used of an answer with this in it, of a relay at this origin. */
function used(
  parts: Partial<Pick<AssistAnswer, 'relays' | 'ice'>>,
  origin = 'https://relay.example:443',
): Assisted {
  const answer: AssistAnswer = {
    relay: ASKED,
    nonce: new Uint8Array(16),
    relays: [],
    ice: null,
    transports: [],
    fec: 'none',
    prekeys: new Uint8Array(),
    ticket: new Uint8Array(),
    invited: false,
    refused: [],
    ...parts,
  }
  return assistedBy(answer, { origin, relay: ASKED, peer: PEER })
}

const at = (peer: PeerIdString, host = '/dns/other.example'): string =>
  `${host}/tcp/443/tls/ws/p2p/${peer}`

test('relays by the record of the peer are tried, by the first address that a page dials', () => {
  const webTransport = `/ip4/8.8.8.8/udp/443/quic-v1/webtransport/p2p/${OTHER}`
  const addresses = [`/ip4/8.8.8.8/tcp/4001/p2p/${OTHER}`, webTransport, at(OTHER)]
  expect(used({ relays: [{ peer: OTHER, why: 'record', addresses }] })).toEqual({
    peer: PEER,
    relays: [webTransport],
    ice: null,
    host: 'relay.example',
  })
})

test.for<[string, AssistAnswer['relays'][number]]>([
  ['only known to the relay', { peer: OTHER, why: 'known', addresses: [at(OTHER)] }],
  ['the one that was asked', { peer: ASKED, why: 'record', addresses: [at(ASKED)] }],
  ['named with the address of another', { peer: OTHER, why: 'record', addresses: [at(PEER)] }],
  [
    'led to by yet another',
    {
      peer: OTHER,
      why: 'record',
      addresses: [`${at(PEER)}/p2p-circuit/p2p/${OTHER}`],
    },
  ],
])('a relay that is %s is not tried', ([, relay]) => {
  expect(used({ relays: [relay] }).relays).toEqual([])
})

test('however many relays are named, so many are tried', () => {
  const relays = peers
    .slice(2)
    .map((peer) => ({ peer, why: 'record' as const, addresses: [at(peer)] }))
  expect(relays.length).toBeGreaterThan(MAX_RECORDED_RELAYS)
  expect(used({ relays }).relays).toEqual(
    peers.slice(2, 2 + MAX_RECORDED_RELAYS).map((peer) => at(peer)),
  )
})

test.for([
  '/ip4/192.168.1.1',
  '/ip4/127.0.0.1',
  '/ip4/169.254.169.254',
  '/ip6/::1',
  '/ip6/::ffff:a00:1',
  '/ip6/fd00::1',
  '/dns/localhost',
  '/dns4/router.local',
  '/dns6/intranet',
  '/dns/a.localhost.',
])('a relay outside does not lead to %s, one inside does', (host) => {
  const relays = [{ peer: OTHER, why: 'record' as const, addresses: [at(OTHER, host)] }]
  expect(used({ relays }).relays).toEqual([])
  expect(used({ relays }, 'http://192.168.1.9:8787').relays).toHaveLength(1)
  expect(used({ relays }, 'http://[fd00::9]:8787').relays).toHaveLength(1)
})

test('nor does it send checks of ICE to private hosts', () => {
  const server = (host: string | null) =>
    ({ scheme: 'turn', host, port: 3478, transport: 'udp' }) as const
  const servers = [server(null), server('turn.example'), server('10.0.0.1'), server('[::1]')]
  const ice = { servers, username: 'name', password: 'word', lifeMs: 1_000 }
  expect(used({ ice }).ice).toEqual({ ...ice, servers: servers.slice(0, 2) })
  expect(used({ ice }, 'http://localhost:8787').ice).toEqual(ice)
})
