import { isPrivateIp } from '@libp2p/utils'

/** Names that only a network of one's own resolves: RFC 6761, RFC 6762, RFC 8375, `.internal` of ICANN, and those without a dot. */
const PRIVATE_NAME = /^[^.]+$|(?:^|\.)(?:localhost|local|internal|home\.arpa)$/i

const IS_IP = /^[\d.]+$|:/

/** Whether a name or address is of a private network, as far as it tells; brackets of IPv6 aside. */
export function isPrivateHost(host: string): boolean {
  const bare = host.replace(/^\[|\]$|\.$/g, '')
  if (IS_IP.test(bare)) return isPrivateIp(bare) ?? true
  return PRIVATE_NAME.test(bare)
}
