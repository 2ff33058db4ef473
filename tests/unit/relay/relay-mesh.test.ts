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
function relay(n: number): PeerInfo {
  const peer = peerIdOf(new Uint8Array(32).fill(n))
  const id = { toString: () => peer } as unknown as PeerId
  return { id, multiaddrs: [multiaddr(`/ip4/10.0.0.1/tcp/${n}/ws/p2p/${peer}`)] }
}

function addressOf({ multiaddrs }: PeerInfo): string {
  return String(multiaddrs[0])
}

/** A node whom every relay answers, and which says whom it has dialled. */
class AnsweredNode extends EventTarget {
  dialled: string[] = []
  readonly services = { ping: { ping: () => Promise.resolve(1) } }

  dial(address: Multiaddr): Promise<{ remotePeer: string }> {
    this.dialled.push(address.toString())
    return Promise.resolve({ remotePeer: address.toString() })
  }

  /** Somebody came by themselves and says to be a relay. */
  identify({ id: peerId, multiaddrs: [remoteAddr] }: PeerInfo): void {
    const protocols = [RELAY_V2_HOP_CODEC, DHT_PROTOCOL]
    const detail = { peerId, protocols, listenAddrs: [remoteAddr], connection: { remoteAddr } }
    this.dispatchEvent(new CustomEvent('peer:identify', { detail }))
  }
}

test('beside the settings as many relays are visited as allowed of the LAN, and of those that came', async () => {
  const clock = new ManualClock()
  const node = new AnsweredNode()
  const { peer: self, ...signer } = await signerOf(1)
  const mesh = new RelayMesh(
    { node: node as unknown as RelayNode, self, signer, clock, log: silent },
    { relays: [SETTING] },
  )
  mesh.start()
  onTestFinished(() => mesh.stop())
  await eventually(() => {
    expect(clock.pending).toBe(1)
  })
  expect(node.dialled.splice(0)).toEqual([SETTING])
  const relays = Array.from({ length: 2 * (MAX_KNOWN_RELAYS + 1) }, (_, n) => relay(n + 1))
  const [onLan, cameBy] = [
    relays.slice(0, MAX_KNOWN_RELAYS + 1),
    relays.slice(MAX_KNOWN_RELAYS + 1),
  ]
  for (const one of onLan) mesh.foundOnLan(one)
  for (const one of cameBy) node.identify(one)

  clock.advance(RELAY_CHECK_MS)

  expect(node.dialled).toEqual([
    SETTING,
    ...onLan.slice(0, MAX_KNOWN_RELAYS).map(addressOf),
    ...cameBy.slice(0, MAX_KNOWN_RELAYS).map(addressOf),
  ])
})
