import type { Clock } from '../lib/protocol/seams.ts'
import { holdLock } from '../lib/rpc/life-lock.ts'

/** The Web Lock of the one host that may write. */
const HOST_LOCK = 'starling-host'

/** Where a host that starts says so to one that runs. */
const SUCCESSION_CHANNEL = 'starling-succession'

/** How long a running host has for a clean stop before its place is taken. */
export const SUCCESSION_TIMEOUT_MS = 5_000

export interface OnlyHostComponents {
  locks: LockManager
  clock: Clock
}

/**
 * Makes this host the only one of the browser. The last to start wins, since a page loaded later is never older:
 * it announces itself, and the one before stops and lets go. One that does not is cut off.
 *
 * @param host id of this host
 * @param onReplaced another host wants the place or has taken it: stop everything, then abort `signal`
 * @param signal aborted when this host has stopped
 */
export async function becomeOnlyHost(
  { locks, clock }: OnlyHostComponents,
  host: string,
  onReplaced: () => void,
  signal: AbortSignal,
): Promise<void> {
  const channel = new BroadcastChannel(SUCCESSION_CHANNEL)
  signal.addEventListener('abort', () => {
    channel.close()
  })
  channel.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (typeof data === 'string' && data !== host) onReplaced()
  }
  channel.postMessage(host)

  const patience = new AbortController()
  const stopWaiting = clock.after(SUCCESSION_TIMEOUT_MS, () => {
    patience.abort()
  })
  const waiting = AbortSignal.any([signal, patience.signal])
  try {
    await acquire(locks, waiting, signal, onReplaced)
  } finally {
    stopWaiting()
  }
}

async function acquire(
  locks: LockManager,
  waiting: AbortSignal,
  signal: AbortSignal,
  onLost: () => void,
): Promise<void> {
  try {
    await holdLock(locks, HOST_LOCK, { wanted: waiting, held: signal, onLost })
  } catch (error) {
    if (signal.aborted || !waiting.aborted) throw error
    await holdLock(locks, HOST_LOCK, { wanted: signal, held: signal, steal: true, onLost })
  }
}
