/** What a peer is told on the command line. `FLAGS` is the one table that parsing, `--help` and error texts come from. */
import { parseArgs } from 'node:util'
import * as v from 'valibot'
import { MAX_PASSPHRASE_CHARS, MIN_PASSPHRASE_CHARS } from '#lib/features/vault/api.ts'
import { parseTypedAddress } from '#lib/p2p/addresses.ts'
import type { LogLevel } from '#lib/p2p/log-ring.ts'
import { cleanName, isValidName, MAX_NAME_CHARACTERS } from '#lib/protocol/names.ts'
import { ConfigError } from './errors.ts'
import { relayConfigOf, type RelayConfig } from './relay-for-others.ts'

/** An environment variable, because everybody on the machine sees the flags of a process. */
export const PASSPHRASE_VARIABLE = 'STARLING_PASSPHRASE'

/** Where a peer keeps everything when it is told no folder. */
export const DEFAULT_FOLDER = '.starling-peer'

const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const

const text = v.pipe(v.string(), v.trim(), v.nonEmpty())
const name = v.pipe(v.string(), v.transform(cleanName), v.check(isValidName))
const passphrase = v.pipe(
  v.string(),
  v.minLength(MIN_PASSPHRASE_CHARS),
  v.maxLength(MAX_PASSPHRASE_CHARS),
)
const relay = v.pipe(v.string(), v.check(isRelayAddress))

interface Flag {
  /** What stands for the value in `--help`; none for a switch. */
  value?: string
  help: string
  /** What is allowed, as the error text says it. */
  allowed?: string
}

const FLAGS = {
  relay: {
    value: 'ADDRESS',
    help: 'a relay to be reached through; may be given several times',
    allowed: 'a host such as relay.example.org, an http(s) address or a multiaddr',
  },
  name: {
    value: 'NAME',
    help: 'what others are shown; needed on the first start',
    allowed: `a name of at most ${MAX_NAME_CHARACTERS} characters`,
  },
  data: {
    value: 'FOLDER',
    help: `identity, contacts, messages (default ${DEFAULT_FOLDER}); keep it to stay the same peer`,
    allowed: 'the path of a folder',
  },
  add: {
    value: 'CODE',
    help: 'link or code of somebody to have as a contact; may be given several times',
    allowed: 'a link or code',
  },
  share: {
    value: 'PATH',
    help: 'a file or folder to share by a link; several times for several in one link',
    allowed: 'the path of a file or folder',
  },
  get: {
    value: 'LINK',
    help: 'a link to get files by; may be given several times',
    allowed: 'a link',
  },
  into: {
    value: 'FOLDER',
    help: 'where what --get gets is written, never over what is there (default .)',
    allowed: 'the path of a folder',
  },
  'relay-for-others': {
    help: 'be a relay too, for friends who cannot be reached; set up by the variables of a relay',
  },
  'map-ports': {
    help: 'with --relay-for-others: ask the router, by UPnP or NAT-PMP, to let friends in',
  },
  'accept-all': { help: 'accept whoever asks' },
  echo: { help: 'answer each text with the same' },
  'log-level': {
    value: 'LEVEL',
    help: 'how much is logged to standard error (default warn)',
    allowed: LOG_LEVELS.join(', '),
  },
} as const satisfies Record<string, Flag>

type FlagName = keyof typeof FLAGS

/** A peer's settings. */
export interface Config {
  relays: string[]
  /** Null: as before. */
  name: string | null
  dataFolder: string
  /** Of the data folder; null: it opens by itself. */
  passphrase: string | null
  /** Codes of people. */
  add: string[]
  /** Paths that go by one link. */
  share: string[]
  /** Links. */
  get: string[]
  /** Where what they lead to is written. */
  into: string
  /** Null: it is none. */
  relayForOthers: RelayConfig | null
  acceptAll: boolean
  echo: boolean
  logLevel: LogLevel | 'silent'
}

/** @throws ConfigError that names the flag and what is allowed. */
export function readConfig(args: readonly string[], env: NodeJS.ProcessEnv): Config | 'help' {
  const flags = readFlags(args)
  if (flags.help === true) return 'help'
  const all = <T>(flag: FlagName, schema: v.GenericSchema<unknown, T>): T[] => {
    const given = flags[flag]
    if (!Array.isArray(given)) return []
    return given.map((each) => {
      const result = v.safeParse(schema, each)
      if (result.success) return result.output
      const { allowed = '' }: Flag = FLAGS[flag]
      throw new ConfigError(`--${flag} must be ${allowed}, not "${each}"`)
    })
  }
  const dataFolder = all('data', text).at(-1) ?? DEFAULT_FOLDER
  const mapPorts = flags['map-ports'] === true
  const isRelay = flags['relay-for-others'] === true
  if (mapPorts && !isRelay) throw new ConfigError('--map-ports needs --relay-for-others')
  return {
    relays: all('relay', relay),
    name: all('name', name).at(-1) ?? null,
    dataFolder,
    passphrase: readPassphrase(env[PASSPHRASE_VARIABLE]),
    add: all('add', text),
    share: all('share', text),
    get: all('get', text),
    into: all('into', text).at(-1) ?? '.',
    relayForOthers: isRelay ? relayConfigOf(dataFolder, env, mapPorts) : null,
    acceptAll: flags['accept-all'] === true,
    echo: flags.echo === true,
    logLevel: all('log-level', v.picklist(LOG_LEVELS)).at(-1) ?? 'warn',
  }
}

/** What `--help` prints. */
export function helpText(): string {
  const rows = Object.entries<Flag>(FLAGS).map(([flag, { value, help }]) => {
    const spelled = value === undefined ? `--${flag}` : `--${flag} ${value}`
    return `  ${spelled.padEnd(20)}${help}`
  })
  return `A Starling peer without a browser.\n\n  npm run peer -- [flags]\n\n${rows.join('\n')}\n\n${PASSPHRASE_VARIABLE} seals the data folder.\n`
}

function readPassphrase(given: string | undefined): string | null {
  if (given === undefined || given === '') return null
  if (v.is(passphrase, given)) return given
  throw new ConfigError(
    `${PASSPHRASE_VARIABLE} must have ${MIN_PASSPHRASE_CHARS} to ${MAX_PASSPHRASE_CHARS} characters`,
  )
}

/** Flags as given: all texts of each, or whether a switch is on. */
function readFlags(
  args: readonly string[],
): Partial<Record<FlagName, string[] | boolean>> & { help?: boolean } {
  const options = Object.fromEntries(
    Object.entries<Flag>(FLAGS).map(([flag, { value }]) => [
      flag,
      value === undefined
        ? { type: 'boolean' as const }
        : { type: 'string' as const, multiple: true as const },
    ]),
  )
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { ...options, help: { type: 'boolean', short: 'h' } },
    })
    return values
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new ConfigError(`${reason} (--help lists the flags)`, { cause })
  }
}

function isRelayAddress(given: string): boolean {
  try {
    parseTypedAddress(given)
    return true
  } catch {
    return false
  }
}
