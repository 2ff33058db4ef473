import type { ComponentLogger, Logger as Libp2pLogger, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Loggers } from '../protocol/seams.ts'

/** Longest text of one line out of libp2p, in characters. */
const MAX_CHARS = 300

/**
 * libp2p's logger on ours: its errors appear at debug, because most of them are ordinary (a peer is away),
 * and its running commentary, which would name every byte, is dropped.
 */
export function libp2pLogger(loggers: Loggers): ComponentLogger {
  return { forComponent: (name) => componentLogger(loggers, name) }
}

function componentLogger(loggers: Loggers, name: string): Libp2pLogger {
  const silent = (): void => undefined
  return Object.assign(silent, {
    error: (format: unknown, ...values: unknown[]) => {
      loggers(name).debug(render(format, values))
    },
    trace: silent,
    enabled: false,
    newScope: (scope: string) => componentLogger(loggers, `${name}:${scope}`),
  })
}

/**
 * Fills libp2p's printf-like formats (https://github.com/libp2p/js-libp2p/tree/main/packages/logger). Objects are
 * left out: an SDP or a candidate among them would tell the person's addresses.
 */
function render(format: unknown, values: unknown[]): string {
  let next = 0
  const text = typeof format === 'string' ? format : describe(format)
  const filled = text.replace(/%([a-zA-Z%])/g, (placeholder) =>
    placeholder === '%%' ? '%' : describe(values[next++]),
  )
  return filled.length > MAX_CHARS ? `${filled.slice(0, MAX_CHARS)}…` : filled
}

function describe(value: unknown): string {
  if (value instanceof AggregateError) {
    return `${value.message} [${value.errors.map(describe).join('; ')}]`
  }
  if (value instanceof Error) return `${value.name}: ${value.message}`
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') {
    return String(value)
  }
  if (typeof value === 'boolean' || value === undefined || value === null) return String(value)
  return hasName(value) ? value.toString() : '…'
}

/** Peer ids, multiaddrs and CIDs say who they are; other objects may hold anything. */
function hasName(value: unknown): value is PeerId | Multiaddr {
  return (
    typeof value === 'object' &&
    value !== null &&
    ('toMultihash' in value || 'getComponents' in value || 'multihash' in value)
  )
}
