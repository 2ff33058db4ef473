import { describe, expect, test } from 'vitest'
import { helpText, readConfig } from '#relay/config.ts'
import { ConfigError } from '#relay/errors.ts'

describe('the configuration', () => {
  test('has a default for everything', () => {
    expect(readConfig([], {})).toEqual({
      port: null,
      host: '0.0.0.0',
      dataFolder: '.starling',
      https: false,
      publicUrl: null,
      trustProxy: [],
      metricsFrom: ['loopback'],
      relays: [],
      operator: null,
      app: true,
      webrtc: true,
      webTransport: null,
      mdns: true,
      mapPorts: false,
      logLevel: 'info',
      maxConnections: 10_000,
      maxConnectionsPerAddress: 128,
      maxReservations: 10_000,
      store: null,
      turn: 'off',
      turnHost: null,
      turnPort: 3478,
      turnTlsPort: null,
      turnRelayPorts: { first: 49_152, last: 65_535 },
      turnExternalIp: null,
      turnCert: null,
      turnKey: null,
      turnPrivatePeers: false,
      storeMayForget: false,
      pushAnywhere: false,
      maxMailboxesMib: 4_096,
      maxCopiesMib: 0,
    })
  })

  test('takes the environment, and a flag before it', () => {
    const env = { PORT: '1', HOST: '::1', STARLING_DATA: '/data', STARLING_MDNS: 'false' }
    expect(readConfig(['--port', '2'], env)).toMatchObject({
      port: 2,
      host: '::1',
      dataFolder: '/data',
      mdns: false,
    })
  })

  test('takes an empty variable for none', () => {
    expect(readConfig([], { PORT: '' })).toMatchObject({ port: null })
  })

  test('takes relays as multiaddrs and as addresses, in one flag or several', () => {
    const flags = ['--relay', 'wss://a.example,http://127.0.0.1:8787', '--relay', '/dns/b/tcp/1/ws']
    expect(readConfig(flags, {})).toMatchObject({
      relays: ['/dns/a.example/tcp/443/tls/ws', '/ip4/127.0.0.1/tcp/8787/ws', '/dns/b/tcp/1/ws'],
    })
  })

  test('switches off with --no-', () => {
    expect(readConfig(['--no-app', '--no-mdns'], {})).toMatchObject({ app: false, mdns: false })
  })

  test('asked for help gives nothing else', () => {
    expect(readConfig(['--help', '--port', 'x'], {})).toBe('help')
    expect(helpText()).toContain('STARLING_TRUST_PROXY')
  })

  test.each([
    [['--port', '65536'], '--port (PORT) must be a whole number from 0 to 65535, not "65536"'],
    [['--port', '-1'], /--port/],
    [['--port', 'x'], /not "x"/],
    [['--host', 'example.org'], /--host \(HOST\) must be an IPv4 or IPv6 address/],
    [['--public-url', 'relay.example.org'], /--public-url/],
    [['--public-url', 'https://relay.example.org/x'], /without a path/],
    [['--trust-proxy', 'nobody'], /--trust-proxy/],
    [['--metrics-from', 'anybody'], /--metrics-from \(STARLING_METRICS_FROM\)/],
    [['--relay', 'ftp://a'], /--relay \(STARLING_RELAYS\)/],
    [['--log-level', 'loud'], /fatal, error, warn, info, debug, silent/],
    [['--operator', 'x'.repeat(65)], /at most 64 characters/],
    [['--store', 'mysql://ada:secret@host/data'], /--store \(STARLING_STORE\)(?!.*secret)/],
    [['--max-connections', '0'], /a whole number from 1/],
    [['--colour', 'red'], /--colour/],
    [['stray'], /stray/],
  ])('%j is refused with what is allowed', (flags, message) => {
    const read = (): unknown => readConfig(flags, {})
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(message)
  })

  test('names the variable when that is what is wrong', () => {
    expect(() => readConfig([], { STARLING_HTTPS: 'yes' })).toThrow('STARLING_HTTPS')
  })
})
