/**
 * What a relay is told: flags first, then environment variables, then defaults. `FLAGS` is the one table that parsing,
 * `--help` and error texts come from.
 */
import { parseArgs } from 'node:util'
import proxyaddr from '@fastify/proxy-addr'
import * as v from 'valibot'
import { iceHostSchema } from '#lib/protocol/ice.ts'
import { operatorSchema } from '#lib/protocol/relay-list.ts'
import { relayAddress } from './addresses.ts'
import { ConfigError } from './errors.ts'
import {
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_PER_ADDRESS,
  MAX_COPIES_MIB,
  MAX_MAILBOXES_MIB,
  MAX_RESERVATIONS,
} from './limits.ts'
import { TURN_KINDS } from './turn/turn.ts'

/** First port tried when none is given. */
export const DEFAULT_PORT = 8787

/** https://www.rfc-editor.org/rfc/rfc8656#section-4-2 */
export const DEFAULT_TURN_PORT = 3478

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'silent'] as const

const port = v.pipe(v.string(), v.digits(), v.transform(Number), v.maxValue(65_535))
const count = v.pipe(v.string(), v.digits(), v.transform(Number), v.minValue(1), v.safeInteger())
const countOrNone = v.pipe(v.string(), v.digits(), v.transform(Number), v.safeInteger())
const text = v.pipe(v.string(), v.trim(), v.nonEmpty())
const list = v.pipe(
  v.string(),
  v.transform((value) => value.split(',').map((item) => item.trim())),
  v.array(v.pipe(v.string(), v.nonEmpty())),
)
const publicUrl = v.pipe(
  v.string(),
  v.check((value) => {
    const url = URL.parse(value)
    return (
      url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === ''
    )
  }),
  v.transform((value) => new URL(value).origin),
)

const database = v.pipe(v.string(), v.regex(/^postgres(?:ql)?:\/\//))
const host = v.union([v.pipe(v.string(), v.ip()), v.literal('localhost')])
const addresses = v.pipe(list, v.check(isAddressList))
const relays = v.pipe(
  list,
  v.check(isRelayList),
  v.transform((items) => items.map(relayAddress)),
)
const flag = v.pipe(
  v.picklist(['true', 'false', '1', '0']),
  v.transform((value) => value === 'true' || value === '1'),
)

const turnPort = v.pipe(port, v.minValue(1))
const portRange = v.pipe(
  v.string(),
  v.regex(/^\d{1,5}-\d{1,5}$/),
  v.transform((value) => {
    const [first, last] = value.split('-').map(Number)
    return { first: first!, last: last! }
  }),
  v.check(({ first, last }) => 1_024 <= first && first <= last && last <= 65_535),
)

interface Flag {
  env: string
  /** What stands for the value in `--help`; none for a switch. */
  value?: string
  help: string
  /** What is allowed, as the error text says it. */
  allowed: string
  /** What is given may hold a password: no error text says it. */
  isSecret?: true
}

const FLAGS = {
  port: {
    env: 'PORT',
    value: 'NUMBER',
    help: `page, API and libp2p share it (default ${DEFAULT_PORT} or the next free one; 0 takes any)`,
    allowed: 'a whole number from 0 to 65535',
  },
  host: {
    env: 'HOST',
    value: 'ADDRESS',
    help: 'address to listen on (default 0.0.0.0, every one of the machine)',
    allowed: 'an IPv4 or IPv6 address, or localhost',
  },
  data: {
    env: 'STARLING_DATA',
    value: 'FOLDER',
    help: 'identity, certificates, DHT, mailboxes (default .starling); keep it to stay the same relay',
    allowed: 'the path of a folder',
  },
  https: {
    env: 'STARLING_HTTPS',
    help: 'serve with a certificate of its own, for phones on the same network',
    allowed: 'true or false',
  },
  'public-url': {
    env: 'STARLING_PUBLIC_URL',
    value: 'URL',
    help: 'how others reach it, when a proxy stands before it',
    allowed: 'an http(s) address without a path, such as https://relay.example.org',
  },
  'trust-proxy': {
    env: 'STARLING_TRUST_PROXY',
    value: 'ADDRESSES',
    help: 'proxies whose X-Forwarded-For is believed',
    allowed: 'addresses or networks separated by commas, such as 127.0.0.1,10.0.0.0/8',
  },
  relay: {
    env: 'STARLING_RELAYS',
    value: 'ADDRESSES',
    help: 'relays to form one network with',
    allowed: 'multiaddrs, or wss:, https:, ws: or http: addresses, separated by commas',
  },
  'metrics-from': {
    env: 'STARLING_METRICS_FROM',
    value: 'ADDRESSES',
    help: 'who may read /metrics (default loopback, this machine)',
    allowed: 'addresses or networks separated by commas, such as loopback,10.0.0.0/8',
  },
  operator: {
    env: 'STARLING_OPERATOR',
    value: 'NAME',
    help: 'who runs it, told to everyone',
    allowed: 'a text of at most 64 characters',
  },
  app: {
    env: 'STARLING_APP',
    help: 'serve the app too (default; --no-app for a relay alone)',
    allowed: 'true or false',
  },
  webrtc: {
    env: 'STARLING_WEBRTC',
    help: 'WebRTC-direct on the same port in UDP (default; --no-webrtc where no UDP gets through)',
    allowed: 'true or false',
  },
  webtransport: {
    env: 'STARLING_WEBTRANSPORT',
    value: 'PORT',
    help: 'WebTransport on this UDP port, in a process of its own (default none; 0 takes any)',
    allowed: 'a whole number from 0 to 65535',
  },
  mdns: {
    env: 'STARLING_MDNS',
    help: 'find relays on the same network (default; --no-mdns to switch off)',
    allowed: 'true or false',
  },
  'map-ports': {
    env: 'STARLING_MAP_PORTS',
    help: 'ask the router, by UPnP or NAT-PMP, to let others in from the internet',
    allowed: 'true or false',
  },
  'log-level': {
    env: 'STARLING_LOG_LEVEL',
    value: 'LEVEL',
    help: 'how much is logged (default info)',
    allowed: LOG_LEVELS.join(', '),
  },
  'max-connections': {
    env: 'STARLING_MAX_CONNECTIONS',
    value: 'NUMBER',
    help: `connections in all (default ${MAX_CONNECTIONS})`,
    allowed: 'a whole number from 1',
  },
  'max-connections-per-address': {
    env: 'STARLING_MAX_CONNECTIONS_PER_ADDRESS',
    value: 'NUMBER',
    help: `connections from one address (default ${MAX_CONNECTIONS_PER_ADDRESS})`,
    allowed: 'a whole number from 1',
  },
  'max-reservations': {
    env: 'STARLING_MAX_RESERVATIONS',
    value: 'NUMBER',
    help: `browsers it can be the relay of at once (default ${MAX_RESERVATIONS}; 0: of none)`,
    allowed: 'a whole number from 0',
  },
  store: {
    env: 'STARLING_STORE',
    value: 'URL',
    help: 'database to keep mailboxes in, shared with other relays (default the data folder)',
    allowed: 'an address such as postgres://user:password@host/database',
    isSecret: true,
  },
  'store-may-forget': {
    env: 'STARLING_STORE_MAY_FORGET',
    help: 'take a database that may lose what it has committed when the power goes',
    allowed: 'true or false',
  },
  'push-anywhere': {
    env: 'STARLING_PUSH_ANYWHERE',
    help: 'send wake-ups to any address, also http and on private networks: for tests',
    allowed: 'true or false',
  },
  'max-mailboxes-mib': {
    env: 'STARLING_MAX_MAILBOXES_MIB',
    value: 'NUMBER',
    help: `MiB of sealed messages kept for people who sleep (default ${MAX_MAILBOXES_MIB})`,
    allowed: 'a whole number from 1',
  },
  'max-copies-mib': {
    env: 'STARLING_MAX_COPIES_MIB',
    value: 'NUMBER',
    help: 'MiB of sealed copies of what people share, for when they are away (default 0, none)',
    allowed: 'a whole number',
  },
  turn: {
    env: 'STARLING_TURN',
    value: 'KIND',
    help: 'STUN and TURN for browsers that find no direct way: off (default), auto, coturn, node-turn',
    allowed: TURN_KINDS.join(', '),
  },
  'turn-host': {
    env: 'STARLING_TURN_HOST',
    value: 'HOST',
    help: 'where browsers find them (default where they found the relay)',
    allowed: 'a name or an address, without a port',
  },
  'turn-port': {
    env: 'STARLING_TURN_PORT',
    value: 'NUMBER',
    help: `UDP and TCP of both (default ${DEFAULT_TURN_PORT})`,
    allowed: 'a whole number from 1 to 65535',
  },
  'turn-tls-port': {
    env: 'STARLING_TURN_TLS_PORT',
    value: 'NUMBER',
    help: 'TCP and TLS for networks that block UDP, best 443 (default none; coturn only)',
    allowed: 'a whole number from 1 to 65535',
  },
  'turn-relay-ports': {
    env: 'STARLING_TURN_RELAY_PORTS',
    value: 'FIRST-LAST',
    help: 'UDP ports that relayed packets use (default 49152-65535)',
    allowed: 'two ports from 1024 to 65535, such as 49152-65535',
  },
  'turn-external-ip': {
    env: 'STARLING_TURN_EXTERNAL_IP',
    value: 'ADDRESS',
    help: 'address of this machine as others see it, when a NAT stands before it',
    allowed: 'an IPv4 or IPv6 address',
  },
  'turn-cert': {
    env: 'STARLING_TURN_CERT',
    value: 'FILE',
    help: 'certificate of TURN over TLS, in PEM, with --turn-key',
    allowed: 'the path of a file',
  },
  'turn-key': {
    env: 'STARLING_TURN_KEY',
    value: 'FILE',
    help: 'its key, in PEM',
    allowed: 'the path of a file',
  },
  'turn-private-peers': {
    env: 'STARLING_TURN_PRIVATE_PEERS',
    help: 'let TURN relay to private addresses, also of this machine: for tests and closed networks',
    allowed: 'true or false',
  },
} as const satisfies Record<string, Flag>

type FlagName = keyof typeof FLAGS

/** A relay's settings. */
export interface Config {
  /** `null`: the first free one from `DEFAULT_PORT` on. 0: any. */
  port: number | null
  host: string
  dataFolder: string
  https: boolean
  /** An origin, such as `https://relay.example.org`. */
  publicUrl: string | null
  trustProxy: string[]
  metricsFrom: string[]
  /** Multiaddrs. */
  relays: string[]
  operator: string | null
  app: boolean
  webrtc: boolean
  /** Null: there is none. 0: any. */
  webTransport: number | null
  mdns: boolean
  mapPorts: boolean
  logLevel: (typeof LOG_LEVELS)[number]
  maxConnections: number
  maxConnectionsPerAddress: number
  maxReservations: number
  /** An address of PostgreSQL; null: a LevelDB in the data folder. */
  store: string | null
  storeMayForget: boolean
  pushAnywhere: boolean
  maxMailboxesMib: number
  /** 0: none are kept. */
  maxCopiesMib: number
  turn: (typeof TURN_KINDS)[number]
  /** Null: as the relay was reached. */
  turnHost: string | null
  turnPort: number
  /** Null: there is none. */
  turnTlsPort: number | null
  turnRelayPorts: { first: number; last: number }
  turnExternalIp: string | null
  turnCert: string | null
  turnKey: string | null
  turnPrivatePeers: boolean
}

/** @throws ConfigError that names the flag, its variable and what is allowed. */
export function readConfig(args: readonly string[], env: NodeJS.ProcessEnv): Config | 'help' {
  const flags = readFlags(args)
  if (flags.help === true) return 'help'
  const read = <T>(name: FlagName, schema: v.GenericSchema<unknown, T>, otherwise: T): T => {
    const raw = flags[name] ?? env[FLAGS[name].env]
    if (raw === undefined || raw === '') return otherwise
    const given = typeof raw === 'boolean' ? String(raw) : raw
    const result = v.safeParse(schema, given)
    if (result.success) return result.output
    const { env: variable, allowed, isSecret }: Flag = FLAGS[name]
    const not = isSecret === true ? '' : `, not "${given}"`
    throw new ConfigError(`--${name} (${variable}) must be ${allowed}${not}`)
  }
  return {
    port: read<number | null>('port', port, null),
    host: read('host', host, '0.0.0.0'),
    dataFolder: read('data', text, '.starling'),
    https: read('https', flag, false),
    publicUrl: read<string | null>('public-url', publicUrl, null),
    trustProxy: read('trust-proxy', addresses, []),
    metricsFrom: read('metrics-from', addresses, ['loopback']),
    relays: read('relay', relays, []),
    operator: read<string | null>('operator', operatorSchema, null),
    app: read('app', flag, true),
    webrtc: read('webrtc', flag, true),
    webTransport: read<number | null>('webtransport', port, null),
    mdns: read('mdns', flag, true),
    mapPorts: read('map-ports', flag, false),
    logLevel: read('log-level', v.picklist(LOG_LEVELS), 'info'),
    maxConnections: read('max-connections', count, MAX_CONNECTIONS),
    maxConnectionsPerAddress: read(
      'max-connections-per-address',
      count,
      MAX_CONNECTIONS_PER_ADDRESS,
    ),
    maxReservations: read('max-reservations', countOrNone, MAX_RESERVATIONS),
    store: read<string | null>('store', database, null),
    storeMayForget: read('store-may-forget', flag, false),
    pushAnywhere: read('push-anywhere', flag, false),
    maxMailboxesMib: read('max-mailboxes-mib', count, MAX_MAILBOXES_MIB),
    maxCopiesMib: read('max-copies-mib', countOrNone, MAX_COPIES_MIB),
    turn: read('turn', v.picklist(TURN_KINDS), 'off'),
    turnHost: read<string | null>('turn-host', iceHostSchema, null),
    turnPort: read('turn-port', turnPort, DEFAULT_TURN_PORT),
    turnTlsPort: read<number | null>('turn-tls-port', turnPort, null),
    turnRelayPorts: read('turn-relay-ports', portRange, { first: 49_152, last: 65_535 }),
    turnExternalIp: read<string | null>('turn-external-ip', v.pipe(v.string(), v.ip()), null),
    turnCert: read<string | null>('turn-cert', text, null),
    turnKey: read<string | null>('turn-key', text, null),
    turnPrivatePeers: read('turn-private-peers', flag, false),
  }
}

/** What `--help` prints. */
export function helpText(): string {
  const rows = Object.entries<Flag>(FLAGS).map(([name, { env, value, help }]) => {
    const flag = value === undefined ? `--${name}` : `--${name} ${value}`
    return `  ${flag.padEnd(40)}${help}\n${' '.repeat(42)}${env}`
  })
  return `A Starling relay.\n\n  npm start -- [flags]\n\n${rows.join('\n')}\n`
}

/** Flags as given: texts, or whether a switch is on. A list given twice is one list. */
function readFlags(
  args: readonly string[],
): Partial<Record<FlagName, string | boolean>> & { help?: boolean } {
  const options = Object.fromEntries(
    Object.entries<Flag>(FLAGS).map(([name, { value }]) => [
      name,
      value === undefined
        ? { type: 'boolean' as const }
        : { type: 'string' as const, multiple: true },
    ]),
  )
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
      allowNegative: true,
    })
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(',') : value,
      ]),
    )
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigError(`${reason} (--help lists the flags)`, { cause })
  }
}

function isAddressList(items: string[]): boolean {
  try {
    proxyaddr.compile(items)
    return true
  } catch {
    return false
  }
}

function isRelayList(items: string[]): boolean {
  try {
    items.forEach(relayAddress)
    return true
  } catch {
    return false
  }
}
