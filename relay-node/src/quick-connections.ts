import type { ConnectionManager } from '@libp2p/interface-internal'

/**
 * Makes libp2p (3.3) list its connections in one pass. To be given as one of the node's services.
 *
 * It lists them twice for each one that comes, and appends those of one peer after another to a copy of all before: beyond some
 * thousands that takes most of a relay's time, and whoever comes waits until their handshake is too late.
 */
export function quickConnections({
  connectionManager,
}: {
  connectionManager: Pick<ConnectionManager, 'getConnections' | 'getConnectionsMap'>
}): object {
  const ofPeer = connectionManager.getConnections.bind(connectionManager)
  connectionManager.getConnections = (peer) =>
    peer === undefined ? [...connectionManager.getConnectionsMap().values()].flat() : ofPeer(peer)
  return {}
}
