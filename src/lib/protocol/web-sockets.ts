import {
  ConnectionFailedError,
  type MultiaddrConnection,
  type Transport,
  type Upgrader,
} from '@libp2p/interface'
import { AbstractMultiaddrConnection } from '@libp2p/utils'
import { webSockets, type WebSocketsComponents } from '@libp2p/websockets'

/**
 * @libp2p/websockets whose aborted connections end, and whose failed dials say so with an error.
 *
 * Its own connections (10.1) abort with close code 1006, which `WebSocket.close` refuses: the error is swallowed, the socket stays
 * open for as long as the page, and the peer keeps a connection that nobody reads.
 * https://websockets.spec.whatwg.org/#dom-websocket-close. Its failed dials reject with the socket's bare `Event`.
 */
export function closingWebSockets(): (components: WebSocketsComponents) => Transport {
  return (components) => {
    const transport = webSockets()(components)
    const dial = transport.dial.bind(transport)
    transport.dial = async (address, options) => {
      try {
        return await dial(address, { ...options, upgrader: closing(options.upgrader) })
      } catch (error) {
        // Why it failed no browser tells a page: https://websockets.spec.whatwg.org/#feedback-from-the-protocol
        throw error instanceof Error ? error : new ConnectionFailedError('no WebSocket connection')
      }
    }
    return transport
  }
}

function closing(upgrader: Upgrader): Upgrader {
  const upgradeOutbound: Upgrader['upgradeOutbound'] = (connection, options) => {
    closeWhenAborted(connection)
    return upgrader.upgradeOutbound(connection, options)
  }
  return Object.assign(Object.create(upgrader) as Upgrader, { upgradeOutbound })
}

function closeWhenAborted(connection: MultiaddrConnection): void {
  if (!(connection instanceof AbstractMultiaddrConnection)) {
    throw new TypeError('@libp2p/websockets has changed: its connections cannot be closed')
  }
  connection.addEventListener('close', ({ local, error }) => {
    if (local === true && error !== undefined) void connection.sendClose()
  })
}
