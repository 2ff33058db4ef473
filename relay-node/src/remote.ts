import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import proxyaddr from '@fastify/proxy-addr'

/** Where a request comes from. */
export type RemoteOf = (request: IncomingMessage) => { address: string; port: number }

/**
 * The address nearest to us that is not one of the `trusted` proxies, from `X-Forwarded-For`; with none trusted, the
 * socket's own, as where the header holds no address. The port is the socket's.
 */
export function remoteBehind(trusted: readonly string[]): RemoteOf {
  const trust = proxyaddr.compile([...trusted])
  return (request) => {
    const { remoteAddress = '0.0.0.0', remotePort = 0 } = request.socket
    const forwarded = proxyaddr(request, trust)
    return { address: isIP(forwarded) === 0 ? remoteAddress : forwarded, port: remotePort }
  }
}
