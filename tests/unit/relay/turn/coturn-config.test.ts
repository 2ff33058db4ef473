import { BlockList } from 'node:net'
import { expect, test } from 'vitest'
import { coturnConfig, type CoturnConfigInit, PRIVATE_RANGES } from '#relay/turn/coturn-config.ts'

const INIT: CoturnConfigInit = {
  secret: 'secret',
  listen: null,
  port: 3478,
  tlsPort: null,
  relayPorts: { first: 50_000, last: 50_100 },
  externalIp: null,
  privatePeers: false,
  certificate: null,
  database: '/data/turndb',
  pidFile: '/data/pid',
}

const lines = (change: Partial<CoturnConfigInit> = {}): string[] =>
  coturnConfig({ ...INIT, ...change }).split('\n')

test('only who has a password of the relay is served, and nothing but UDP goes out', () => {
  expect(lines()).toEqual(
    expect.arrayContaining([
      'use-auth-secret',
      'static-auth-secret=secret',
      'no-tcp-relay',
      'no-cli',
    ]),
  )
})

test('nothing is relayed to private addresses unless that is asked for', () => {
  const denied = (text: string[]): string[] => text.filter((line) => line.startsWith('denied'))
  expect(denied(lines())).toHaveLength(PRIVATE_RANGES.length)
  expect(denied(lines({ privatePeers: true }))).toEqual([])
  expect(lines({ privatePeers: true })).not.toContain('allow-loopback-peers')
})

test.each([
  ...['127.0.0.1', '10.1.2.3', '172.31.255.255', '192.168.1.1', '169.254.169.254', '100.64.0.1'],
  ...['::1', 'fe80::1', 'fd00::1', '::ffff:10.0.0.1', '64:ff9b::a00:1', '2002:a00:1::'],
])('%s is private', (address) => {
  expect(isDenied(address)).toBe(true)
})

test.each(['1.1.1.1', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00::1'])(
  '%s is not',
  (address) => {
    expect(isDenied(address)).toBe(false)
  },
)

test('TLS is there with a certificate only', () => {
  expect(lines()).toContain('no-tls')
  const certificate = { cert: '/c.pem', key: '/k.pem' }
  expect(lines({ tlsPort: 443, certificate })).toEqual(
    expect.arrayContaining(['tls-listening-port=443', 'cert=/c.pem', 'pkey=/k.pem']),
  )
})

test('no value adds a line of its own', () => {
  expect(() => coturnConfig({ ...INIT, database: '/data\nno-auth' })).toThrow(TypeError)
})

function isDenied(address: string): boolean {
  const family = (ip: string): 'ipv4' | 'ipv6' => (ip.includes(':') ? 'ipv6' : 'ipv4')
  const blocked = new BlockList()
  for (const range of PRIVATE_RANGES) {
    const [first, last] = range.split('-') as [string, string]
    // A list takes addresses of IPv4 within IPv6 for those of IPv4 as it is.
    if (!first.startsWith('::ffff:')) blocked.addRange(first, last, family(first))
  }
  return blocked.check(address, family(address))
}
