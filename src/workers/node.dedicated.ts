/// <reference lib="webworker" />
import { acceptTabs } from '../lib/rpc/broadcast-port.ts'
import { portOver } from '../lib/rpc/port.ts'
import { tabsChannel, type FromHost } from '../lib/rpc/session.ts'
import { startNodeHost } from './node-host.ts'

declare const self: DedicatedWorkerGlobalScope

const host = startNodeHost(self)

// The tab that started this worker, and then all others.
host.accept(portOver(self))
acceptTabs(tabsChannel(__BUILD_ID__), { lane: 'up' } satisfies FromHost, (port) => {
  host.accept(port)
})
