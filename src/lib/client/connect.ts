import { ElectedHostFinder } from './elected-host.ts'
import { nodeErrors } from './error-classes.ts'
import { hostUrl } from './host-url.ts'
import { followPage } from './page-life.ts'
import { NodeConnection, type NodeClient } from './node-connection.ts'
import { rtcBridge } from './rtc-bridge.ts'
import { SharedHostFinder } from './shared-host.ts'

export type { NodeClient } from './node-connection.ts'

/** Connects this page to the node host of this browser. To be called once in a page's life. */
export function connect(): NodeClient {
  const { locks } = navigator
  const init = { tab: crypto.randomUUID(), build: __BUILD_ID__ }
  const closed = new AbortController()
  const finder =
    'SharedWorker' in globalThis
      ? new SharedHostFinder(hostUrl, init.build)
      : new ElectedHostFinder(hostUrl, locks, init, closed.signal)
  const node = new NodeConnection({ finder, locks, errors: nodeErrors, bridge: rtcBridge() }, init)
  followPage(node)
  void node.run()
  return node
}
