import type { Peers, PeersEvents } from '../../p2p/api.ts'
import type { PeerIdString } from '../../protocol/ids.ts'
import type { Path } from './api.ts'

/**
 * Who is here: who has said hello since they connected. A connection alone says nothing: who removed me may still be
 * asked by my node, and is not there for me.
 */
export class Presence {
  readonly #peers: Pick<Peers, 'path' | 'addEventListener' | 'removeEventListener'>
  readonly #onSeen: (peer: PeerIdString) => void
  readonly #here = new Set<PeerIdString>()

  /** @param onSeen one who is here came, moved to another path, or left */
  constructor(
    peers: Pick<Peers, 'path' | 'addEventListener' | 'removeEventListener'>,
    onSeen: (peer: PeerIdString) => void,
  ) {
    this.#peers = peers
    this.#onSeen = onSeen
  }

  start(): void {
    this.#peers.addEventListener('path', this.#onPath)
  }

  stop(): void {
    this.#peers.removeEventListener('path', this.#onPath)
    this.#here.clear()
  }

  isHere(peer: PeerIdString): boolean {
    return this.#here.has(peer)
  }

  path(peer: PeerIdString): Path {
    return this.#here.has(peer) ? this.#peers.path(peer) : 'offline'
  }

  /** They said hello; they may have gone while it waited for its turn. */
  saidHello(peer: PeerIdString): void {
    if (this.#peers.path(peer) !== 'offline') this.#here.add(peer)
    if (this.#here.has(peer)) this.#onSeen(peer)
  }

  readonly #onPath = ({ detail: { peer, path } }: PeersEvents['path']): void => {
    if (!this.#here.has(peer)) return
    if (path === 'offline') this.#here.delete(peer)
    this.#onSeen(peer)
  }
}
