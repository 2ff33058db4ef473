import { describe, expect, test } from 'vitest'
import { helpText, readConfig } from '#peer/config.ts'
import { ConfigError } from '#peer/errors.ts'

describe('the flags of a peer', () => {
  test('have defaults', () => {
    expect(readConfig([], {})).toEqual({
      relays: [],
      name: null,
      dataFolder: '.starling-peer',
      passphrase: null,
      add: [],
      share: [],
      get: [],
      into: '.',
      relayForOthers: null,
      acceptAll: false,
      echo: false,
      logLevel: 'warn',
    })
  })

  test('are all read', () => {
    const args =
      '--relay localhost:8787 --relay https://relay.example.org --data /d --add a --add b'
    const files = '--share a.jpg --share b --get c --get d --into e'
    const more = [
      ...files.split(' '),
      '--echo',
      '--accept-all',
      '--log-level',
      'debug',
      '--name',
      ' Ann  Lee ',
    ]
    const env = { STARLING_PASSPHRASE: 'correct horse' }
    expect(readConfig([...args.split(' '), ...more], env)).toEqual({
      relays: ['localhost:8787', 'https://relay.example.org'],
      name: 'Ann Lee',
      dataFolder: '/d',
      passphrase: 'correct horse',
      add: ['a', 'b'],
      share: ['a.jpg', 'b'],
      get: ['c', 'd'],
      into: 'e',
      relayForOthers: null,
      acceptAll: true,
      echo: true,
      logLevel: 'debug',
    })
  })

  test('of one that is a relay too are those of a relay, in a folder of the peer’s', () => {
    const config = readConfig(['--relay-for-others', '--data', '/d'], { PORT: '9000' })
    expect(config).toMatchObject({ relayForOthers: { port: 9_000, dataFolder: '/d/relay' } })
    expect(() => readConfig(['--relay-for-others'], { PORT: 'x' })).toThrow('PORT')
    expect(readConfig(['--relay-for-others', '--map-ports'], {})).toMatchObject({
      relayForOthers: { mapPorts: true },
    })
    expect(() => readConfig(['--map-ports'], {})).toThrow('--relay-for-others')
  })

  test.each([
    ['--relay', 'https://relay.example.org/path'],
    ['--name', '\u200b'],
    ['--name', 'x'.repeat(41)],
    ['--data', ' '],
    ['--log-level', 'loud'],
  ])('say what is allowed instead of %s %j', (flag, value) => {
    expect(() => readConfig([flag, value], {})).toThrow(ConfigError)
    expect(() => readConfig([flag, value], {})).toThrow(`${flag} must be`)
  })

  test('point to the list when there is no such flag', () => {
    expect(() => readConfig(['--sing'], {})).toThrow(/--sing.*--help/)
  })

  test('say how long a passphrase is, and not what was given', () => {
    const read = (): unknown => readConfig([], { STARLING_PASSPHRASE: 'short' })
    expect(read).toThrow('STARLING_PASSPHRASE must have 8')
    expect(read).not.toThrow('short')
  })

  test('are listed', () => {
    expect(readConfig(['--help'], {})).toBe('help')
    expect(helpText()).toContain('--accept-all')
  })
})
