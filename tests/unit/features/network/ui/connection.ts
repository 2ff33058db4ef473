import type { ConnectionInfo } from '../../../../../src/lib/features/network/api.ts'
import type { PeerIdString } from '../../../../../src/lib/protocol/ids.ts'

/** A direct connection to a contact, unless told otherwise. */
export function connection(peer: string, more: Partial<ConnectionInfo> = {}): ConnectionInfo {
  return {
    id: peer,
    peer: peer as PeerIdString,
    name: null,
    kind: 'contact',
    path: 'direct',
    transport: 'webrtc',
    address: '',
    direction: 'outbound',
    openedAtMs: 0,
    latencyMs: null,
    bytesIn: 0,
    bytesOut: 0,
    ...more,
  }
}
