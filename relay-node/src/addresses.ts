import { isIPv4, isIPv6 } from 'node:net'
import { getNetConfig } from '@libp2p/utils'
import { multiaddr } from '@multiformats/multiaddr'
import { connectSuffix } from '#lib/protocol/connect/addresses.ts'
import { InvalidDataError } from '#lib/protocol/errors.ts'

/** What an address of WebTransport ends with, before the hashes of the certificates. */
export const WEBTRANSPORT_SUFFIX = '/quic-v1/webtransport'

/** The multiaddr of libp2p's WebSocket at an http(s) or ws(s) address: same host, same port, path `/`. */
export function webSocketAddress(url: URL): string {
  return `${placeOf(url)}${isSecure(url) ? '/tls' : ''}/ws`
}

/** The multiaddr of libp2p over plain HTTP there. */
export function connectAddress(url: URL): string {
  return `${placeOf(url)}${connectSuffix(isSecure(url))}`
}

/** The multiaddr of WebTransport there, without the hashes of its certificates. */
export function webTransportAddress(url: URL, port: number): string {
  return `${placeOf(url).replace(/\/tcp\/\d+$/, '')}/udp/${port}${WEBTRANSPORT_SUFFIX}`
}

function isSecure({ protocol }: URL): boolean {
  return protocol === 'https:' || protocol === 'wss:'
}

/** Host and port of a URL, as a multiaddr. */
function placeOf(url: URL): string {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const family = isIPv4(host) ? 'ip4' : isIPv6(host) ? 'ip6' : 'dns'
  const port = url.port === '' ? (isSecure(url) ? 443 : 80) : Number(url.port)
  return `/${family}/${host}/tcp/${port}`
}

/** A relay as people write it, a multiaddr or an http(s) or ws(s) address, as a multiaddr. @throws InvalidDataError */
export function relayAddress(text: string): string {
  try {
    if (text.startsWith('/')) return multiaddr(text).toString()
    const url = new URL(text)
    if (/^(?:https?|wss?):$/.test(url.protocol)) return webSocketAddress(url)
  } catch (cause) {
    throw new InvalidDataError(`not the address of a relay: ${text}`, { cause })
  }
  throw new InvalidDataError(`not the address of a relay: ${text}`)
}

/** `host[:port]` of a multiaddr, as links name relays. */
export function hostOf(address: string): string {
  const { host, port } = getNetConfig(multiaddr(address))
  const name = isIPv6(host) ? `[${host}]` : host
  return port === undefined || port === 443 ? name : `${name}:${port}`
}
