import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'

/**
 * Whether wake-ups may be sent to this address: https at the usual port, and not at an address of a private network
 * where it says one. A name is looked at again when it is resolved (`isPublic`).
 */
export function isPushEndpoint(text: string): boolean {
  const url = URL.parse(text)
  if (url?.protocol !== 'https:' || url.port !== '') return false
  if (url.username !== '' || url.password !== '') return false
  const host = url.hostname.replace(/^\[|\]$/g, '')
  return isIP(host) === 0 ? host.includes('.') && !host.endsWith('.local') : isPublic(host)
}

/** Whether this IP address is one of the internet, where nobody is reached whom a relay alone can reach. */
export function isPublic(address: string): boolean {
  if (isIPv4(address)) return !SPECIAL.check(address)
  // The rest of IPv6 is not the internet (https://www.iana.org/assignments/ipv6-address-space).
  return isIPv6(address) && GLOBAL_UNICAST.check(address, 'ipv6') && !SPECIAL.check(address, 'ipv6')
}

/**
 * https://www.iana.org/assignments/iana-ipv4-special-registry and its sibling for IPv6: what is not globally reachable,
 * and what carries an IPv4 address inside.
 */
const SPECIAL = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  SPECIAL.addSubnet(network, prefix)
}
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  SPECIAL.addSubnet(network, prefix, 'ipv6')
}

const GLOBAL_UNICAST = new BlockList()
GLOBAL_UNICAST.addSubnet('2000::', 3, 'ipv6')
