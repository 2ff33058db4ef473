import type { Libp2pEvents } from '@libp2p/interface'
import type { TypedEventTarget } from 'main-event'

/**
 * Makes libp2p (3.3) forget connections that ended while they were being upgraded.
 *
 * It announces such a connection as open after its transport has said that it closed, so nobody is ever told of the
 * end, and a relay goes on passing circuits to a socket that is gone. To be given as one of the node's services.
 */
export function forgetStillborn({ events }: { events: TypedEventTarget<Libp2pEvents> }): object {
  events.addEventListener('connection:open', ({ detail: connection }) => {
    if (connection.status === 'open') return
    // After all others have heard of the opening.
    queueMicrotask(() => {
      events.safeDispatchEvent('connection:close', { detail: connection })
    })
  })
  return {}
}
