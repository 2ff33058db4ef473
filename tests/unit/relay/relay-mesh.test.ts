import { RELAY_V2_HOP_CODEC } from '@libp2p/circuit-relay-v2'
import type { PeerId, PeerInfo } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { expect, onTestFinished, test } from 'vitest'
import { peerIdOf } from '#lib/protocol/ids.ts'
import { DHT_PROTOCOL } from '#relay/dht/index.ts'
import { MAX_KNOWN_RELAYS, RELAY_CHECK_MS } from '#relay/limits.ts'
import type { RelayNode } from '#relay/node.ts'
import { RelayMesh } from '#relay/relay-mesh.ts'
import { ManualClock } from '../../fixtures/manual-clock.ts'
import { signerOf } from '../../fixtures/signers.ts'
import { silent } from '../p2p/fake-network.ts'
import { eventually } from '../../fixtures/eventually.ts'

const SETTING = '/ip4/10.0.0.1/tcp/8787/ws'

/** Another relay, made of its number. */
function relay(n: number, hosts = ['10.0.0.1']): PeerInfo {
  const peer = peerIdOf(new Uint8Array(32).fill(n))
  const id = { toString: () => peer } as unknown as PeerId
  return { id, multiaddrs: hosts.map((host) => multiaddr(`/ip4/${host}/tcp/${n}/ws/p2p/${peer}`)) }
}

function addressesOf({ multiaddrs }: PeerInfo): string[] {
  return multiaddrs.map(String)
}

/** A node whom every relay answers, and which says whom it has dialled. */
class AnsweredNode extends EventTarget {
  dialled: string[][] = []
  readonly services = { ping: { ping: () => Promise.resolve(1) } }

  dial(addresses: Multiaddr[]): Promise<{ remotePeer: string }> {
    this.dialled.push(addresses.map(String))
    const peer = addresses[0]!.getComponents().at(-1)!
    return Promise.resolve({ remotePeer: peer.value ?? '' })
  }

  /** Somebody came by themselves, from their last address, and says to be a relay. */
  identify({ id: peerId, multiaddrs: listenAddrs }: PeerInfo): void {
    const protocols = [RELAY_V2_HOP_CODEC, DHT_PROTOCOL]
    const connection = { remoteAddr: listenAddrs.at(-1)! }
    const detail = { peerId, protocols, listenAddrs, connection }
    this.dispatchEvent(new CustomEvent('peer:identify', { detail }))
  }
}

/** A mesh that has looked at its settings once. */
async function meshOf(...relays: string[]) {
  const clock = new ManualClock()
  const node = new AnsweredNode()
  const { peer: self, ...signer } = await signerOf(1)
  const mesh = new RelayMesh(
    { node: node as unknown as RelayNode, self, signer, clock, log: silent },
    { relays },
  )
  mesh.start()
  onTestFinished(() => mesh.stop())
  const checked = (): Promise<void> =>
    eventually(() => {
      expect(clock.pending).toBe(1)
    })
  await checked()
  return { clock, node, mesh, checked }
}

test('beside the settings as many relays are visited as allowed of the LAN, and of those that came', async () => {
  const { clock, node, mesh } = await meshOf(SETTING)
  expect(node.dialled.splice(0)).toEqual([[SETTING]])
  const relays = Array.from({ length: 2 * (MAX_KNOWN_RELAYS + 1) }, (_, n) => relay(n + 1))
  const [onLan, cameBy] = [
    relays.slice(0, MAX_KNOWN_RELAYS + 1),
    relays.slice(MAX_KNOWN_RELAYS + 1),
  ]
  for (const one of onLan) mesh.foundOnLan(one)
  for (const one of cameBy) node.identify(one)

  clock.advance(RELAY_CHECK_MS)

  expect(node.dialled).toEqual([
    [SETTING],
    ...onLan.slice(0, MAX_KNOWN_RELAYS).map(addressesOf),
    ...cameBy.slice(0, MAX_KNOWN_RELAYS).map(addressesOf),
  ])
})

test('a relay of the LAN is tried at all its addresses, as the first are of its own machine, and at those of now', async () => {
  const { clock, node, mesh, checked } = await meshOf()
  mesh.foundOnLan(relay(2, ['127.0.0.1', '172.17.0.1', '10.0.0.2']))
  const moved = relay(2, ['127.0.0.1', '172.17.0.1', '10.0.0.3'])
  mesh.foundOnLan(moved)
  clock.advance(RELAY_CHECK_MS)
  expect(node.dialled).toEqual([addressesOf(moved)])
  await checked()
  expect(mesh.trusts(moved.id.toString())).toBe(true)
})

test('a relay that came from another machine is named by no address of this one', async () => {
  const { clock, node, mesh, checked } = await meshOf()
  const [elsewhere, here] = [
    relay(2, ['127.0.0.1', '10.0.0.2']),
    relay(3, ['10.0.0.3', '127.0.0.1']),
  ]
  for (const one of [elsewhere, here]) node.identify(one)
  clock.advance(RELAY_CHECK_MS)
  await checked()
  expect(mesh.working().map(({ addresses }) => addresses)).toEqual([
    addressesOf(elsewhere).slice(1),
    addressesOf(here),
  ])
})
