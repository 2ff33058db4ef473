/**
 * Which connections began with a rendezvous. For libp2p such a one has the address of a circuit, or it would not take it for relayed, and
 * it hands nothing but that address on: so this very object is what tells.
 */
import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

const met = new WeakSet<Multiaddr>()

export function markMet(address: Multiaddr): Multiaddr {
  met.add(address)
  return address
}

export function wasMet({ remoteAddr }: Pick<Connection, 'remoteAddr'>): boolean {
  return met.has(remoteAddr)
}
