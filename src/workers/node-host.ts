import { DexiePartStore } from '../lib/content/store/dexie-part-store.ts'
import { StarlingDatabase } from '../lib/db/schema.ts'
import { DexieKeyringStore } from '../lib/features/vault/store.ts'
import { LogRing } from '../lib/p2p/log-ring.ts'
import { Pages } from '../lib/p2p/pages.ts'
import { RtcBridge } from '../lib/p2p/rtc/rtc-bridge.ts'
import { systemClock, systemRandom } from '../lib/protocol/seams.ts'
import { holdLock } from '../lib/rpc/life-lock.ts'
import type { Port } from '../lib/rpc/port.ts'
import { hostLock, type LeaveReason } from '../lib/rpc/session.ts'
import { becomeOnlyHost } from './only-host.ts'
import { composeStarling } from './starling.ts'
import { unmetered } from './unmetered.ts'
import { TabSession } from './tab-session.ts'

/** The worker this host runs in. */
export interface HostScope {
  readonly location: { readonly origin: string }
  readonly navigator: { readonly locks: LockManager; readonly storage: StorageManager }
  close(): void
}

export interface NodeHost {
  /** Serves the tab at the other end. */
  accept(port: Port): void
}

/**
 * Runs the node of this browser in this worker, until a newer build takes its place or everything is locked or erased.
 * Tabs are greeted at once; what they ask waits for the components it needs.
 */
export function startNodeHost(scope: HostScope): NodeHost {
  const { locks } = scope.navigator
  const id = crypto.randomUUID()
  const logs = new LogRing(systemClock)
  const log = logs.loggers('host')
  const bridge = new RtcBridge()
  bridge.install(globalThis)
  const pages = new Pages()
  const sessions = new Set<TabSession>()
  const ended = new AbortController()
  let ending = false
  const { signal: never } = new AbortController()

  // Only the end of the worker lets go of it: a tab that sees it free and starts another must not get this one again.
  const alive = holdLock(locks, hostLock(id), { wanted: never, held: never })
  const alone = becomeOnlyHost(
    { locks, clock: systemClock },
    id,
    () => void end('replaced'),
    ended.signal,
  )
  const starling = composeStarling(
    {
      clock: systemClock,
      random: systemRandom,
      logs,
      bridge,
      pages,
      keyrings: new DexieKeyringStore(),
      database: (cipher) => new StarlingDatabase(cipher),
      parts: (cipher, parts) => new DexiePartStore(cipher, parts),
      isUnmetered: unmetered(scope.navigator),
      storage: scope.navigator.storage,
    },
    {
      origin: scope.location.origin,
      begin: alone,
      onLocked: () => void end('locked'),
      onErased: () => void end('erased'),
    },
  )
  starling.built.catch((error: unknown) => {
    log.error('what is kept here cannot be opened', error)
    void end('failed')
  })
  starling.started.catch((error: unknown) => {
    log.error('the node does not start', error)
  })

  /** Stops first and lets go of the databases last: the next host waits for that before it writes. */
  async function end(reason: LeaveReason): Promise<void> {
    if (ending) return
    ending = true
    for (const session of [...sessions]) session.leave(reason)
    try {
      await starling.stop()
    } finally {
      ended.abort()
      scope.close()
    }
  }

  return {
    accept(port) {
      const session: TabSession = new TabSession(
        { locks, log, bridge, pages },
        {
          port,
          host: id,
          alive,
          build: __BUILD_ID__,
          api: starling.api,
          onGone: () => {
            sessions.delete(session)
          },
        },
      )
      sessions.add(session)
    },
  }
}
