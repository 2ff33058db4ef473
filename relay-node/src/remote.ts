import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import proxyaddr from '@fastify/proxy-addr'

/** Where a request comes from. */
export interface Remote {
  address: string
  port: number
  /** It came through a proxy that is not trusted: the address is that proxy's, and whose request it is nobody knows. */
  byUnknownProxy: boolean
}

export type RemoteOf = (request: IncomingMessage) => Remote

/** Whether an address is one of these: addresses, networks, or `loopback`, as @fastify/proxy-addr names them. */
export function isOneOf(addresses: readonly string[]): (address: string) => boolean {
  const matches = proxyaddr.compile([...addresses])
  return (address) => isIP(address) !== 0 && matches(address, 0)
}

/**
 * The address nearest to us that is not one of the `trusted` proxies, from `X-Forwarded-For`; with none trusted, the
 * socket's own, as where the header holds no address. The port is the socket's.
 */
export function remoteBehind(trusted: readonly string[]): RemoteOf {
  const isTrusted = isOneOf(trusted)
  return (request) => {
    const { remoteAddress = '0.0.0.0', remotePort = 0 } = request.socket
    const forwarded = proxyaddr(request, isTrusted)
    const isForwarded = PROXY_HEADERS.some((name) => request.headers[name] !== undefined)
    return {
      address: isIP(forwarded) === 0 ? remoteAddress : forwarded,
      port: remotePort,
      byUnknownProxy: isForwarded && !isTrusted(remoteAddress),
    }
  }
}

/** What proxies add: RFC 7239 (https://www.rfc-editor.org/rfc/rfc7239), its predecessor, and RFC 9110, 7.6.3. */
const PROXY_HEADERS = ['forwarded', 'x-forwarded-for', 'via'] as const
