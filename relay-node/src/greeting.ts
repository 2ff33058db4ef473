import { networkInterfaces } from 'node:os'
import encodeQR from 'qr'
import type { Config } from './config.ts'
import type { Relay } from './relay.ts'

/**
 * What a started relay prints for people. The first line is stable: tests and scripts read the address from it.
 * An address that phones can use comes with its QR code.
 */
export function greeting(config: Config, relay: Relay): string {
  const what = relay.servesApp ? 'Starling is at' : 'A Starling relay is at'
  const lines = [`${what} ${relay.address}`]
  if (config.app && !relay.servesApp) {
    lines.push('There is no built app in dist/: npm run build makes one.')
  }
  const mapped = relay.mappedAddress()
  if (mapped !== null) lines.push(`From the internet: ${mapped}`)
  const phones = phoneAddress(config, relay)
  if (phones !== null) lines.push(`For phones: ${phones}`, encodeQR(phones, 'ascii'))
  return `${lines.join('\n')}\n`
}

/** A secure address that other devices reach; `null` when there is none. */
function phoneAddress(config: Config, relay: Relay): string | null {
  if (config.publicUrl !== null) return config.publicUrl
  if (!config.https) return null
  const [lan] = lanAddresses()
  return lan === undefined ? null : `https://${lan}:${relay.port}`
}

/** IPv4 addresses of this machine that others on its network reach. */
export function lanAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
}
