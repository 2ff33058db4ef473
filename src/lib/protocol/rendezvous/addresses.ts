/**
 * How an address says rendezvous: `/dns/relay.example/tcp/443/tls/ws/http-path/p2p/p2p/<relay>/p2p-circuit/p2p/<peer>`. Nothing else in
 * libp2p dials it. Once two are joined, each is where a circuit would lead, so that libp2p takes the connection for a relayed one.
 */
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { isPeerId, type PeerIdString } from '../ids.ts'
import { RENDEZVOUS_PATH } from './join.ts'

export interface RendezvousTarget {
  /** Of the relay's HTTP: `https://relay.example:443`. */
  origin: string
  relay: PeerIdString
  peer: PeerIdString
}

const PATH = `/http-path/${RENDEZVOUS_PATH.slice(1)}`

const SHAPE = /^(?:ip4|ip6|dns)\/tcp\/(tls\/)?ws\/http-path\/p2p\/p2p-circuit\/p2p$/

/** A relay's own WebSocket or /connect; what leads on through a relay is another's. */
const RELAY_SHAPE = /^(?:ip4|ip6|dns)\/tcp\/((?:tls\/)?ws|wss|(?:tls\/)?http\/http-path)(?:\/p2p)?$/

/** Null when it is another address. */
export function decodeRendezvousAddress(address: Multiaddr): RendezvousTarget | null {
  const parts = address.getComponents()
  const shape = SHAPE.exec(namesOf(address).join('/'))
  const path = parts.find(({ name }) => name === 'http-path')?.value
  const [relay, peer] = parts.filter(({ name }) => name === 'p2p').map(({ value }) => value)
  if (shape === null || path !== RENDEZVOUS_PATH) return null
  if (!isPeerId(relay) || !isPeerId(peer)) return null
  return { origin: originAt(address, shape[1] !== undefined), relay, peer }
}

export function isRendezvousAddress(address: Multiaddr): boolean {
  return decodeRendezvousAddress(address) !== null
}

/**
 * Where to meet this peer at the relay with this address, over the same host and port. Null when that address is no place of HTTP
 * of a relay, as one over UDP is not, nor one that leads through a relay.
 */
export function rendezvousAddress(
  at: Multiaddr,
  relay: PeerIdString,
  peer: PeerIdString,
): Multiaddr | null {
  const shape = RELAY_SHAPE.exec(namesOf(at).join('/'))
  if (shape === null) return null
  const [host, port] = at.getComponents()
  const secure = shape[1]!.startsWith('tls') || shape[1] === 'wss'
  const place = `/${host!.name}/${host!.value!}/tcp/${port!.value!}${secure ? '/tls' : ''}/ws`
  return multiaddr(`${place}${PATH}/p2p/${relay}/p2p-circuit/p2p/${peer}`)
}

/** Where the peer is once it was met at this address. */
export function metAddress(rendezvous: Multiaddr): Multiaddr {
  return multiaddr(rendezvous.toString().replace(PATH, ''))
}

function namesOf(address: Multiaddr): string[] {
  const names = address.getComponents().map(({ name }) => name)
  return names.map((name) => (name === 'dns4' || name === 'dns6' ? 'dns' : name))
}

function originAt(address: Multiaddr, secure: boolean): string {
  const [host, port] = address.getComponents()
  const name = host!.name === 'ip6' ? `[${host!.value!}]` : host!.value!
  return `${secure ? 'https' : 'http'}://${name}:${port!.value!}`
}
