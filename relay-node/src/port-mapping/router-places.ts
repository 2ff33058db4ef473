import { readFile } from 'node:fs/promises'
import { endianness } from 'node:os'
import { lanAddresses } from '../greeting.ts'
import { MAX_LAN_ADDRESSES } from '../limits.ts'
import type { RouterPlaces } from './gateway.ts'

/** Where routers are on the networks of this machine. Which one NAT-PMP is asked of is known on Linux alone. */
export async function routerPlaces(): Promise<RouterPlaces> {
  const address = defaultGateway(await readFile('/proc/net/route', 'utf8').catch(() => ''))
  return {
    from: lanAddresses().slice(0, MAX_LAN_ADDRESSES),
    ssdp: { address: '239.255.255.250', port: 1900 },
    natPmp: address === null ? null : { address, port: 5351 },
  }
}

/** The IPv4 address that a table of Linux (proc_net(5)) sends everything else to. */
export function defaultGateway(routes: string): string | null {
  for (const line of routes.split('\n').slice(1)) {
    const [, to, gateway, , , , , mask] = line.split('\t')
    if (to !== '00000000' || mask !== '00000000' || gateway === undefined) continue
    const bytes = Buffer.from(gateway, 'hex')
    // A number in the order of this machine.
    if (endianness() === 'LE') bytes.reverse()
    if (bytes.length === 4 && bytes.some((byte) => byte !== 0)) return bytes.join('.')
  }
  return null
}
