import type {
  Connection,
  MultiaddrConnection,
  Upgrader,
  UpgraderWithoutEncryptionOptions,
} from '@libp2p/interface'
import { getNetConfig } from '@libp2p/utils'
import type { Clock } from '#lib/protocol/seams.ts'
import { sourceOf } from './admission.ts'
import type { CostlyLimits } from './limits.ts'
import type { Refusals } from './refusals.ts'

export interface InboundComponents {
  clock: Clock
  refusals: Refusals
  costly: CostlyLimits
}

/** A connection that somebody opened, before it is known who. */
export interface Inbound extends MultiaddrConnection {
  /** Whether it was ended, and counted, because of what the peer did. */
  readonly refused: boolean
  /** The last round trip that was measured, ms; null: none was yet. Not there where the transport measures none. */
  readonly roundTripMs?: number | null
  /** Where it comes from now. Not there where the transport knows of no other place than that of the beginning. */
  readonly address?: string
}

/** By the timeline, which libp2p's `Connection` shares with the transport's connection that it hides. */
const inbounds = new WeakMap<Connection['timeline'], Inbound>()

/** What the transport knows of a connection; null of one that was dialled here, or came by libp2p's own transports. */
export function inboundOf({ timeline }: Pick<Connection, 'timeline'>): Inbound | null {
  return inbounds.get(timeline) ?? null
}

/** What counts as one address (`sourceOf`), of where a connection comes from now. */
export function sourceOfConnection(
  connection: Pick<Connection, 'remoteAddr' | 'timeline'>,
): string {
  return sourceOf(inboundOf(connection)?.address ?? getNetConfig(connection.remoteAddr).host)
}

/**
 * Has libp2p find out who is there; counts why that failed and ends the connection. Resolves with whether it is open.
 * @param secure finds out who is there where that is not libp2p's own way
 */
export async function takeInbound(
  { clock, refusals, costly }: InboundComponents,
  upgrader: Upgrader,
  connection: Inbound,
  stopping: AbortSignal,
  secure?: () => Promise<Omit<UpgraderWithoutEncryptionOptions, 'signal'>>,
): Promise<boolean> {
  const beganAtMs = clock.now()
  inbounds.set(connection.timeline, connection)
  try {
    const known = await secure?.()
    if (known === undefined) await upgrader.upgradeInbound(connection, { signal: stopping })
    else await upgrader.upgradeInbound(connection, { ...known, signal: stopping })
    return true
  } catch (cause) {
    const error = cause instanceof Error ? cause : new Error('upgrade failed', { cause })
    if (!connection.refused && !stopping.aborted) {
      // libp2p gives a handshake that ran out of time the same error as one that went wrong.
      const late = clock.now() - beganAtMs >= costly.handshakeTimeoutMs
      if (error.name === 'ConnectionDeniedError') refusals.count('connections-pending')
      else refusals.count(late ? 'handshake-timeout' : 'handshake-failed')
    }
    connection.abort(error)
    return false
  }
}
