/**
 * STUN and TURN beside the relay: browsers learn from it how they are seen, and where no direct way is found it passes on
 * what they have encrypted.
 *
 * The server is a program of its own, so that no packet to it can bring down the relay; the relay goes on without it.
 */
import { join, resolve } from 'node:path'
import type { IcePlace } from '#lib/protocol/ice.ts'
import type { Clock, Logger, Random } from '#lib/protocol/seams.ts'
import { ConfigError } from '../errors.ts'
import { COTURN, prepareCoturn } from './coturn.ts'
import { TurnCredentials } from './credentials.ts'
import { findProgram } from './find-program.ts'
import { SupervisedProcess } from '../supervised-process.ts'

/** `auto`: coturn where it is installed, else node-turn where that may run. */
export const TURN_KINDS = ['off', 'auto', 'coturn', 'node-turn'] as const

/** What a relay runs, once `auto` is decided. */
export type TurnKind = Exclude<(typeof TURN_KINDS)[number], 'auto'>

export interface TurnInit {
  kind: TurnKind
  /** What the relay listens on. */
  host: string
  publicUrl: string | null
  dataFolder: string
  /** Told to browsers; null: as they have reached the relay. */
  turnHost: string | null
  turnPort: number
  turnTlsPort: number | null
  turnRelayPorts: { first: number; last: number }
  turnExternalIp: string | null
  turnPrivatePeers: boolean
  /** Files of a certificate that browsers accept. */
  turnCert: string | null
  turnKey: string | null
}

export interface TurnComponents {
  clock: Clock
  random: Pick<Random, 'bytes'>
  log: Logger
  /** One of the relay's own, for plain TCP on the port of TLS, where there is no other. */
  ownCertificate: () => Promise<{ cert: string; key: string }>
}

export interface Turn {
  start(): void
  stop(): Promise<void>
  credentials: TurnCredentials
  places(): IcePlace[]
  /** Null while it does not run. */
  readonly pid: number | null
}

/** Not started yet; null where there is to be none. @throws ConfigError */
export async function turnServer(components: TurnComponents, init: TurnInit): Promise<Turn | null> {
  const { kind } = init
  if (kind === 'off') return null
  const credentials = new TurnCredentials(components)
  const { process, places } = await (kind === 'coturn' ? coturn : nodeTurn)(
    components,
    init,
    credentials.secret,
  )
  return {
    credentials,
    places: () => (process.pid === null ? [] : places),
    get pid() {
      return process.pid
    },
    start: () => {
      process.start()
    },
    stop: () => process.stop(),
  }
}

/** Which server there is to be. */
export function turnKind(
  log: Logger,
  { turn, turnPrivatePeers }: { turn: (typeof TURN_KINDS)[number]; turnPrivatePeers: boolean },
): TurnKind {
  if (turn !== 'auto') return turn
  if (findProgram(COTURN) !== null) return 'coturn'
  if (turnPrivatePeers) return 'node-turn'
  log.warn('no STUN and TURN: coturn is not installed (Debian: apt-get install coturn)')
  return 'off'
}

interface Server {
  process: SupervisedProcess
  places: IcePlace[]
}

async function coturn(components: TurnComponents, init: TurnInit, secret: string): Promise<Server> {
  if (findProgram(COTURN) === null) {
    throw new ConfigError('--turn coturn (STARLING_TURN): coturn is not installed')
  }
  if ((init.turnCert === null) !== (init.turnKey === null)) {
    throw new ConfigError('--turn-cert and --turn-key belong together')
  }
  const { turnCert, turnKey, turnTlsPort, turnHost: host, turnPort: port } = init
  const given =
    turnCert === null || turnKey === null
      ? null
      : { cert: resolve(turnCert), key: resolve(turnKey) }
  const command = await prepareCoturn({
    folder: join(init.dataFolder, 'turn'),
    secret,
    listen: listenOn(init),
    port,
    tlsPort: turnTlsPort,
    relayPorts: init.turnRelayPorts,
    externalIp: init.turnExternalIp,
    privatePeers: init.turnPrivatePeers,
    certificate: turnTlsPort === null ? null : (given ?? (await components.ownCertificate())),
  })
  const places: IcePlace[] = [
    { scheme: 'stun', host, port, transport: 'udp' },
    { scheme: 'turn', host, port, transport: 'udp' },
    { scheme: 'turn', host, port, transport: 'tcp' },
  ]
  if (turnTlsPort !== null) {
    places.push({ scheme: 'turn', host, port: turnTlsPort, transport: 'tcp' })
    // Browsers ask nobody whether to take a certificate that nobody else vouches for.
    if (given !== null) places.push({ scheme: 'turns', host, port: turnTlsPort, transport: 'tcp' })
  }
  return { process: new SupervisedProcess(components, { name: 'coturn', command }), places }
}

/** STUN and TURN by UDP, for who develops: it has no quotas and refuses no address. */
function nodeTurn(components: TurnComponents, init: TurnInit, secret: string): Promise<Server> {
  if (!init.turnPrivatePeers) {
    throw new ConfigError(
      '--turn node-turn (STARLING_TURN) relays to private addresses too: allow that with --turn-private-peers, or install coturn',
    )
  }
  const { turnHost: host, turnPort: port, turnRelayPorts } = init
  const command: [string, ...string[]] = [
    process.execPath,
    join(import.meta.dirname, 'node-turn.ts'),
  ]
  const env = {
    STARLING_TURN_SETTINGS: JSON.stringify({
      secret,
      listen: listenOn(init),
      port,
      relayPorts: turnRelayPorts,
      externalIp: init.turnExternalIp,
    }),
  }
  return Promise.resolve({
    process: new SupervisedProcess(components, { name: 'node-turn', command, env }),
    places: [
      { scheme: 'stun', host, port, transport: 'udp' },
      { scheme: 'turn', host, port, transport: 'udp' },
    ],
  })
}

/** Null: every address of the machine, also where a proxy stands before the relay: it passes no UDP. */
function listenOn({ host, publicUrl }: TurnInit): string | null {
  const isLoopback = host === 'localhost' || host === '127.0.0.1' || host === '::1'
  if (host === '0.0.0.0' || host === '::' || (isLoopback && publicUrl !== null)) return null
  return host === 'localhost' ? '127.0.0.1' : host
}
