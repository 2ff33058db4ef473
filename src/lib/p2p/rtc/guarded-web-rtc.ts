import type { PeerId, Transport } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import { webRTC, type WebRTCTransportComponents } from '@libp2p/webrtc'
import { UnreachableError } from '../errors.ts'
import { MAX_MESSAGE_BYTES } from './data-channel.ts'
import type { IceConfiguration } from './ice-servers.ts'

/**
 * @libp2p/webrtc that answers only the offers of those who may connect directly.
 *
 * Its own (6.0) answers everybody: a stranger then learns this browser's addresses, and takes one of the few
 * connections that a tab can hold.
 */
export function guardedWebRTC(
  allows: (peer: PeerId) => boolean,
  configuration: () => Promise<IceConfiguration>,
): (components: WebRTCTransportComponents) => Transport {
  const make = webRTC({
    rtcConfiguration: configuration,
    dataChannel: { maxMessageSize: MAX_MESSAGE_BYTES },
  })
  return (components) => {
    const registrar = guarded(components.registrar, allows)
    // Defined, not set: libp2p's components are a proxy that would take it for all.
    return make(
      Object.create(components, { registrar: { value: registrar } }) as WebRTCTransportComponents,
    )
  }
}

function guarded(registrar: Registrar, allows: (peer: PeerId) => boolean): Registrar {
  const handle: Registrar['handle'] = (protocol, handler, options) =>
    registrar.handle(
      protocol,
      (stream, connection) => {
        if (allows(connection.remotePeer)) return handler(stream, connection)
        stream.abort(new UnreachableError('no direct connection with a stranger'))
      },
      options,
    )
  return Object.create(registrar, { handle: { value: handle } }) as Registrar
}
