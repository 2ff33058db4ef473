import type { NodeApi } from '../lib/client/contract.ts'
import { StarlingDatabase } from '../lib/db/schema.ts'
import { profile } from '../lib/features/profile/index.ts'
import { systemClock, systemRandom, type Logger } from '../lib/protocol/seams.ts'
import { holdLock } from '../lib/rpc/life-lock.ts'
import type { Port } from '../lib/rpc/port.ts'
import { hostLock, type LeaveReason } from '../lib/rpc/session.ts'
import { becomeOnlyHost } from './only-host.ts'
import { TabSession } from './tab-session.ts'

/** The worker this host runs in. */
export interface HostScope {
  readonly navigator: { readonly locks: LockManager }
  close(): void
}

export interface NodeHost {
  /** Serves the tab at the other end. */
  accept(port: Port): void
}

const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

/** Starts the node of this browser. Tabs are answered at once; what they ask waits for what it needs. */
export function startNodeHost(scope: HostScope): NodeHost {
  const { locks } = scope.navigator
  const id = crypto.randomUUID()
  const ended = new AbortController()
  const sessions = new Set<TabSession>()

  const leave = (reason: LeaveReason): void => {
    if (ended.signal.aborted) return
    for (const session of [...sessions]) session.leave(reason)
    ended.abort()
    scope.close()
  }

  const alive = holdLock(locks, hostLock(id), { wanted: ended.signal, held: ended.signal })
  const only = becomeOnlyHost(
    { locks, clock: systemClock },
    id,
    () => {
      leave('replaced')
    },
    ended.signal,
  )
  const api = Promise.all([alive, only]).then((): NodeApi => {
    const components = { db: new StarlingDatabase(), clock: systemClock, random: systemRandom }
    return { profile: profile({ onCreated: () => undefined })(components) } as unknown as NodeApi
  })

  return {
    accept(port) {
      const session: TabSession = new TabSession(
        {
          locks,
          log: quiet,
          tabs: {
            add: () => undefined,
            changed: () => undefined,
            receive: () => undefined,
            remove: () => undefined,
          },
        },
        {
          port,
          host: id,
          build: __BUILD_ID__,
          api,
          onGone: () => {
            sessions.delete(session)
          },
        },
      )
      sessions.add(session)
    },
  }
}
