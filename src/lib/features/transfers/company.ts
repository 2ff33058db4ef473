import type { Peers } from '../../p2p/api.ts'
import type { PeerIdString } from '../../protocol/ids.ts'

/** What somebody is wanted for: getting this transfer, or giving. */
export type Reason = string

/** Peers that are wanted for transfers, each as long as there is a reason. */
export class Company {
  readonly #peers: Pick<Peers, 'want' | 'unwant'>
  readonly #reasons = new Map<PeerIdString, Set<Reason>>()

  constructor(peers: Pick<Peers, 'want' | 'unwant'>) {
    this.#peers = peers
  }

  want(peer: PeerIdString, relays: readonly string[], reason: Reason): void {
    const reasons = this.#reasons.get(peer) ?? new Set()
    this.#reasons.set(peer, reasons.add(reason))
    this.#peers.want(peer, relays, 'directly', 'transfer')
  }

  /** Nobody is wanted for this any more, but those in `except`. */
  release(reason: Reason, except: ReadonlySet<PeerIdString> = new Set()): void {
    for (const [peer, reasons] of this.#reasons) {
      if (except.has(peer) || !reasons.delete(reason) || reasons.size > 0) continue
      this.#reasons.delete(peer)
      this.#peers.unwant(peer, 'transfer')
    }
  }
}
