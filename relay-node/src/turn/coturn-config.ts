/** What coturn is told: https://github.com/coturn/coturn/blob/master/examples/etc/turnserver.conf */
import {
  TURN_ALLOCATIONS,
  TURN_ALLOCATIONS_PER_HANDLE,
  TURN_BYTES_PER_SECOND_PER_ALLOCATION,
} from '../limits.ts'

export interface CoturnConfigInit {
  /** Shared with the relay, which makes passwords of it. */
  secret: string
  /** Where to listen; null: every address of the machine. */
  listen: string | null
  port: number
  /** TCP and TLS of networks that let little through; null: none. */
  tlsPort: number | null
  /** Ports that relayed packets leave by. */
  relayPorts: { first: number; last: number }
  /** As others see this machine, where it is behind NAT. */
  externalIp: string | null
  /** Whether packets may be relayed to private addresses. */
  privatePeers: boolean
  /** Files of PEM. */
  certificate: { cert: string; key: string } | null
  /** Files coturn makes. */
  database: string
  pidFile: string
}

/**
 * Addresses that lead to this machine or its own network: https://www.iana.org/assignments/iana-ipv4-special-registry,
 * https://www.iana.org/assignments/iana-ipv6-special-registry. IPv4 in IPv6 and what is translated to IPv4 is among them.
 */
export const PRIVATE_RANGES = [
  '0.0.0.0-0.255.255.255',
  '10.0.0.0-10.255.255.255',
  '100.64.0.0-100.127.255.255',
  '127.0.0.0-127.255.255.255',
  '169.254.0.0-169.254.255.255',
  '172.16.0.0-172.31.255.255',
  '192.0.0.0-192.0.0.255',
  '192.0.2.0-192.0.2.255',
  '192.88.99.0-192.88.99.255',
  '192.168.0.0-192.168.255.255',
  '198.18.0.0-198.19.255.255',
  '198.51.100.0-198.51.100.255',
  '203.0.113.0-203.0.113.255',
  '240.0.0.0-255.255.255.255',
  // From `::` on coturn would take for any address, of IPv4 too; that one itself it never relays to.
  '::1-::1',
  '::ffff:0.0.0.0-::ffff:255.255.255.255',
  '64:ff9b::-64:ff9b::ffff:ffff',
  '64:ff9b:1::-64:ff9b:1:ffff:ffff:ffff:ffff:ffff',
  '100::-100::ffff:ffff:ffff:ffff',
  '2001::-2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff',
  '2002::-2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  'fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
  'fe80::-febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff',
] as const

/** @throws TypeError when a value would end its line */
export function coturnConfig(init: CoturnConfigInit): string {
  const { tlsPort, certificate } = init
  const lines: (string | null)[] = [
    'realm=starling',
    'use-auth-secret',
    `static-auth-secret=${init.secret}`,
    'fingerprint',
    init.listen === null ? null : `listening-ip=${init.listen}`,
    init.listen === null ? null : `relay-ip=${init.listen}`,
    `listening-port=${init.port}`,
    ...(tlsPort === null || certificate === null
      ? ['no-tls']
      : // Plain TCP is taken on it too.
        [`tls-listening-port=${tlsPort}`, `cert=${certificate.cert}`, `pkey=${certificate.key}`]),
    'no-dtls',
    `min-port=${init.relayPorts.first}`,
    `max-port=${init.relayPorts.last}`,
    init.externalIp === null ? null : `external-ip=${init.externalIp}`,
    // What WebRTC needs is UDP; TCP to anywhere would be a way into networks.
    'no-tcp-relay',
    'no-multicast-peers',
    ...(init.privatePeers ? [] : PRIVATE_RANGES.map((range) => `denied-peer-ip=${range}`)),
    `user-quota=${TURN_ALLOCATIONS_PER_HANDLE}`,
    `total-quota=${TURN_ALLOCATIONS}`,
    `max-bps=${TURN_BYTES_PER_SECOND_PER_ALLOCATION}`,
    // Without `bps-capacity`: each allocation would take all it may use from that, and the seventh find nothing left.
    'stale-nonce=600',
    'no-cli',
    'no-software-attribute',
    // Also what keeps it from answering from a second address, which makes one packet two.
    'no-rfc5780',
    'no-dynamic-ip-list',
    `userdb=${init.database}`,
    `pidfile=${init.pidFile}`,
    'log-file=stdout',
    'simple-log',
  ]
  const told = lines.filter((line) => line !== null)
  if (told.some((line) => /\p{Cc}/u.test(line))) throw new TypeError('a value of two lines')
  return `${told.join('\n')}\n`
}
