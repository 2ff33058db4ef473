import { acceptTabs } from '../lib/rpc/broadcast-port.ts'
import { portOver } from '../lib/rpc/port.ts'
import { tabsChannel, type FromHost } from '../lib/rpc/session.ts'
import { startNodeHost } from './node-host.ts'

declare const self: SharedWorkerGlobalScope | DedicatedWorkerGlobalScope

/** The worker's entry: the same host, whichever kind of worker it runs in. */
const host = startNodeHost(self)

if ('onconnect' in self) {
  self.onconnect = ({ ports }) => {
    for (const port of ports) host.accept(portOver(port))
  }
} else {
  // The tab that started this worker, and then all others.
  host.accept(portOver(self))
  acceptTabs(tabsChannel(__BUILD_ID__), { lane: 'up' } satisfies FromHost, (port) => {
    host.accept(port)
  })
}
