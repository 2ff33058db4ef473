/** What relay addresses look like to people, in cards and to libp2p, and what a connection's address tells. */
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { bytesToHex } from '@noble/hashes/utils.js'
import { connectSuffix, decodeConnectAddress } from '../protocol/connect/addresses.ts'
import type { ConnectMode } from '../protocol/connect/connect.ts'
import { isPeerId, type PeerIdString } from '../protocol/ids.ts'
import type { TransportName } from './api.ts'
import { InvalidAddressError } from './errors.ts'

/** Longest address taken from anybody, in characters: a multiaddr with two certificate hashes and a peer id. */
export const MAX_ADDRESS_CHARS = 512

/** A way to a relay, parsed. */
export interface RelayAddress {
  /** One spelling for each address. */
  text: string
  /** `host[:port]` as in cards; the port is left out when it is 443. */
  host: string
  /** The host for people: in their own letters where it was written so. */
  name: string
  /** The relay's peer id, when the address names it. */
  peer: PeerIdString | null
  /** What to dial, the likeliest first; without a peer id. */
  multiaddrs: Multiaddr[]
}

/** @throws InvalidAddressError */
export function parseRelayAddress(input: string): RelayAddress {
  const text = input.trim()
  if (text.length === 0 || text.length > MAX_ADDRESS_CHARS) {
    throw new InvalidAddressError('empty or too long')
  }
  return text.startsWith('/') ? parseMultiaddr(text) : parseUrl(text)
}

/**
 * As a person types it. A lone word may be a host in their own network, but hardly is meant as one: it takes a scheme.
 * @throws InvalidAddressError
 */
export function parseTypedAddress(input: string): RelayAddress {
  const text = input.trim()
  if (/^[\w-]+(:\d+)?$/.test(text) && !/^localhost\b/i.test(text)) {
    throw new InvalidAddressError('a word, not a host')
  }
  return parseRelayAddress(text)
}

/** Where the relay's HTTP is: the origins its WebSocket addresses are at, the likeliest first. */
export function originsOf({ multiaddrs }: RelayAddress): string[] {
  return multiaddrs.flatMap((address) => {
    const host = hostOf(address)
    if (host === null || transportOf(address) !== 'websocket') return []
    return [`${isEncrypted(address) ? 'https' : 'http'}://${host}`]
  })
}

/** Plain HTTP to the relays that have these WebSockets, in this mode or whichever works: one server serves both. */
export function overHttp(
  addresses: readonly Multiaddr[],
  mode: ConnectMode | null = null,
): Multiaddr[] {
  return addresses.flatMap((address) => {
    if (transportOf(address) !== 'websocket') return []
    const [place] = address.toString().split(/\/(?:tls\/)?wss?(?:\/|$)/)
    return multiaddr(`${place!}${connectSuffix(isEncrypted(address), mode)}`)
  })
}

function isEncrypted(address: Multiaddr): boolean {
  return address.getComponents().some(({ name }) => name === 'tls' || name === 'wss')
}

/** The address to reach a peer by through a relay. `relay` is the relay's own address, with its peer id. */
export function circuitAddress(relay: Multiaddr, peer: PeerIdString): Multiaddr {
  return multiaddr(`${placeOf(relay)}/p2p-circuit/p2p/${peer}`)
}

/** The same relay by its WebSocket: over HTTP only who is connected with it already can name it in a circuit's address. */
export function byWebSocket(relay: Multiaddr): Multiaddr {
  const target = decodeConnectAddress(relay)
  const peer = peerOf(relay)
  if (target === null || peer === null) return relay
  const [socket] = parseUrl(new URL(target.url).origin).multiaddrs
  return socket!.encapsulate(`/p2p/${peer}`)
}

/** The address to reach a peer by with WebRTC, signalled through a relay. */
export function webRtcAddress(relay: Multiaddr, peer: PeerIdString): Multiaddr {
  return multiaddr(`${placeOf(relay)}/p2p-circuit/webrtc/p2p/${peer}`)
}

/** libp2p's circuits know no relay over HTTP: such a one is named by its peer id, and is connected already. */
function placeOf(relay: Multiaddr): string {
  const peer = peerOf(relay)
  const overHttp = peer !== null && decodeConnectAddress(relay) !== null
  return overHttp ? `/p2p/${peer}` : relay.toString()
}

/** `address` up to and with the relay's peer id, when it goes through a relay. */
export function relayPartOf(address: Multiaddr): Multiaddr | null {
  const [relay, rest] = address.toString().split('/p2p-circuit')
  return rest === undefined || relay === undefined || relay === '' ? null : multiaddr(relay)
}

/** The last peer id in an address. */
export function peerOf(address: Multiaddr): PeerIdString | null {
  const value = address.getComponents().findLast(({ name }) => name === 'p2p')?.value
  return isPeerId(value) ? value : null
}

/** `host[:port]` of an address; null when it names no host. */
export function hostOf(address: Multiaddr): string | null {
  const components = address.getComponents()
  const host = components.find(({ name }) => ['ip4', 'ip6', 'dns', 'dns4', 'dns6'].includes(name))
  const port = components.find(({ name }) => name === 'tcp' || name === 'udp')?.value
  if (host?.value === undefined) return null
  return joinHost(host.name === 'ip6' ? `[${host.value}]` : host.value, Number(port ?? 443))
}

/**
 * Of the address a relay sees, as much as is one network's: of IPv4 the first 24 bits, of IPv6 the first 48, which is what
 * a site gets (RFC 6177). Null when it is neither.
 */
export function networkOf(observed: Multiaddr): string | null {
  const [first] = observed.getComponents()
  const prefixBytes = first?.name === 'ip4' ? 3 : first?.name === 'ip6' ? 6 : 0
  if (prefixBytes === 0) return null
  // What it is comes first, in one byte.
  const prefix = multiaddr([first!]).bytes.subarray(0, 1 + prefixBytes)
  return bytesToHex(prefix)
}

export function transportOf(address: Multiaddr): TransportName {
  const names = address.getComponents().map(({ name }) => name)
  if (names.includes('webrtc')) return 'webrtc'
  if (names.includes('p2p-circuit')) return 'circuit'
  if (names.includes('webrtc-direct')) return 'webrtc-direct'
  if (names.includes('webtransport')) return 'webtransport'
  const overHttp = decodeConnectAddress(address)
  if (overHttp !== null) return overHttp.mode === null ? 'http-binary' : `http-${overHttp.mode}`
  return names.includes('ws') || names.includes('wss') ? 'websocket' : 'other'
}

/**
 * Whether a connection with this address goes through a relay. The `direct` that libp2p (3.3) says is wrong of circuits whose
 * relay has a path in its address, as those over HTTP have.
 */
export function isRelayed(address: Multiaddr): boolean {
  return transportOf(address) === 'circuit'
}

function parseMultiaddr(text: string): RelayAddress {
  let address: Multiaddr
  try {
    address = multiaddr(text)
  } catch (cause) {
    throw new InvalidAddressError('not a multiaddr', { cause })
  }
  const host = hostOf(address)
  const transport = transportOf(address)
  if (host === null || transport === 'other' || transport === 'webrtc' || transport === 'circuit') {
    throw new InvalidAddressError('not an address of a relay that a browser can dial')
  }
  const peer = peerOf(address)
  const bare = peer === null ? address : address.decapsulate(`/p2p/${peer}`)
  return { text: address.toString(), host, name: host, peer, multiaddrs: [bare] }
}

function parseUrl(text: string): RelayAddress {
  const scheme = /^(https?|wss?):\/\//i.exec(text)?.[1]?.toLowerCase()
  let url: URL
  try {
    url = new URL(scheme === undefined ? `https://${text}` : text.replace(/^ws/i, 'http'))
  } catch (cause) {
    throw new InvalidAddressError('neither a host nor a URL', { cause })
  }
  // Some browsers escape what cannot be in a host name, such as a space, instead of refusing it.
  const isHost = /^([\w.-]+|\[[\da-f:.]+\])$/.test(url.hostname)
  if (!['http:', 'https:'].includes(url.protocol) || !isHost || url.username !== '') {
    throw new InvalidAddressError('neither a host nor a URL')
  }
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new InvalidAddressError('more than a host')
  }
  const securePort = Number(url.port || (url.protocol === 'http:' ? 80 : 443))
  const host = joinHost(url.hostname, securePort)
  const name = joinHost(hostAsTyped(text) ?? url.hostname, securePort)
  const secure = webSocketAddress(url.hostname, securePort, true)
  const plain = webSocketAddress(url.hostname, securePort, false)
  if (scheme !== undefined) {
    const encrypted = url.protocol === 'https:'
    return {
      text: encrypted ? name : `http://${name}`,
      host,
      name,
      peer: null,
      multiaddrs: [encrypted ? secure : plain],
    }
  }
  return { text: name, host, name, peer: null, multiaddrs: waysToHost(url.hostname, secure, plain) }
}

/** The host in letters beyond ASCII, of which a URL keeps a code only; null when it has none. */
function hostAsTyped(text: string): string | null {
  const host = text.replace(/^\w+:\/\//, '').replace(/[:/].*$/, '')
  return /[^!-~]/.test(host) ? host.normalize('NFC').toLowerCase() : null
}

/** A bare host does not say whether it speaks TLS: on this machine hardly, elsewhere nearly always. */
function waysToHost(hostname: string, secure: Multiaddr, plain: Multiaddr): Multiaddr[] {
  const loopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
  if (loopback) return [plain, secure]
  const literal = hostname.startsWith('[') || /^\d+\.\d+\.\d+\.\d+$/.test(hostname)
  // A name on the public internet over plain ws would only invite whoever sits in between.
  return literal ? [secure, plain] : [secure]
}

function webSocketAddress(hostname: string, port: number, secure: boolean): Multiaddr {
  const host = hostname.startsWith('[')
    ? `/ip6/${hostname.slice(1, -1)}`
    : /^\d+\.\d+\.\d+\.\d+$/.test(hostname)
      ? `/ip4/${hostname}`
      : `/dns/${hostname}`
  return multiaddr(`${host}/tcp/${port}${secure ? '/tls' : ''}/ws`)
}

function joinHost(hostname: string, port: number): string {
  return port === 443 ? hostname : `${hostname}:${port}`
}
