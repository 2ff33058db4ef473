import type { MultiaddrConnection, PeerId, Transport, Upgrader } from '@libp2p/interface'
import type { Registrar } from '@libp2p/interface-internal'
import { webRTC, type WebRTCTransportComponents } from '@libp2p/webrtc'
import { UnreachableError } from '../errors.ts'
import { MAX_MESSAGE_BYTES } from './data-channel.ts'
import type { IceConfiguration } from './ice-servers.ts'

/** As much of RTCPeerConnection as tells whether it is connected. */
interface Connecting extends EventTarget {
  readonly connectionState: string
}

/**
 * @libp2p/webrtc that answers only the offers of those who may connect directly, and takes for a connection what is connected.
 *
 * Its own (6.0) answers everybody: a stranger then learns this browser's addresses, and takes one of the few
 * connections that a tab can hold. And when signalling ends too early, whoever answered has a connection to which nobody is
 * connected, and which counts before every other.
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
    const upgrader = connectedFirst(components.upgrader)
    // Defined, not set: libp2p's components are a proxy that would take it for all.
    return make(
      Object.create(components, {
        registrar: { value: registrar },
        upgrader: { value: upgrader },
      }) as WebRTCTransportComponents,
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

function connectedFirst(upgrader: Upgrader): Upgrader {
  const upgradeInbound: Upgrader['upgradeInbound'] = async (connection, options) => {
    await connected(peerConnectionOf(connection), options.signal)
    await upgrader.upgradeInbound(connection, options)
  }
  return Object.create(upgrader, { upgradeInbound: { value: upgradeInbound } }) as Upgrader
}

/** @throws UnreachableError when it will not be, or not before `signal` */
async function connected(peerConnection: Connecting, signal: AbortSignal): Promise<void> {
  const unreachable = new UnreachableError('signalling ended, and nothing connected')
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  const look = (): void => {
    const { connectionState } = peerConnection
    if (connectionState === 'connected') resolve(undefined)
    if (connectionState === 'failed' || connectionState === 'closed' || signal.aborted) {
      reject(unreachable)
    }
  }
  peerConnection.addEventListener('connectionstatechange', look)
  signal.addEventListener('abort', look)
  look()
  try {
    await promise
  } finally {
    peerConnection.removeEventListener('connectionstatechange', look)
    signal.removeEventListener('abort', look)
  }
}

function peerConnectionOf(connection: MultiaddrConnection): Connecting {
  if ('peerConnection' in connection) return connection.peerConnection as Connecting
  throw new TypeError('@libp2p/webrtc has changed: its connections hold no peer connection')
}
