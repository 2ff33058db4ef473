/**
 * How an address says /connect: `/dns/relay.example/tcp/443/tls/http/http-path/connect`, and with a mode of its own
 * `…/http-path/connect%2Fsse`. Nothing else in libp2p dials HTTP, so others leave such an address alone.
 */
import type { Multiaddr } from '@multiformats/multiaddr'
import { CONNECT_MODES, CONNECT_PATH, type ConnectMode } from './connect.ts'

/** Where a relay's /connect is. */
export interface ConnectTarget {
  /** `https://host:port/connect` */
  url: string
  /** The one to use; null: whichever works. */
  mode: ConnectMode | null
}

const HTTP_PATH = 'http-path'

/** Null when it is another address. */
export function decodeConnectAddress(address: Multiaddr): ConnectTarget | null {
  const parts = address.getComponents()
  const names = parts.map(({ name }) => (name === 'dns4' || name === 'dns6' ? 'dns' : name))
  const last = names.at(-1) === 'p2p' ? names.slice(0, -1) : names
  const shape = /^(?:ip4|ip6|dns)\/tcp\/(tls\/)?http\/http-path$/.exec(last.join('/'))
  if (shape === null) return null
  const path = parts.find(({ name }) => name === HTTP_PATH)?.value ?? ''
  const mode = CONNECT_MODES.find((each) => path === `${CONNECT_PATH}/${each}`) ?? null
  if (mode === null && path !== CONNECT_PATH) return null
  const [host, port] = parts
  const name = names[0] === 'ip6' ? `[${host!.value!}]` : host!.value!
  const scheme = shape[1] === undefined ? 'http' : 'https'
  return { url: `${scheme}://${name}:${port!.value!}${CONNECT_PATH}`, mode }
}

export function isConnectAddress(address: Multiaddr): boolean {
  return decodeConnectAddress(address) !== null
}

/** What an address of /connect ends with, after host and port. */
export function connectSuffix(secure: boolean, mode: ConnectMode | null = null): string {
  const path = mode === null ? CONNECT_PATH : `${CONNECT_PATH}/${mode}`
  return `${secure ? '/tls' : ''}/http/${HTTP_PATH}/${encodeURIComponent(path.slice(1))}`
}
