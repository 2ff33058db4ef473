import type { WakeReason } from '../features/network/api.ts'
import type { NodeConnection } from './node-connection.ts'

/**
 * Tells the host what happens to the page. Timers of a page that sleeps do not fire, so the host is told when
 * the person is back, and looks after its connections then; and when there is no network to look for any on.
 */
export function followPage(node: NodeConnection): void {
  const wake = (reason: WakeReason): void => {
    // A host that ends meanwhile wakes by starting; the network slice itself does not fail.
    node.api.network.wake(reason).catch(() => undefined)
    restIfOffline()
  }
  const restIfOffline = (): void => {
    if (!navigator.onLine) node.api.network.rest().catch(() => undefined)
  }
  addEventListener('online', () => {
    wake('online')
  })
  addEventListener('offline', restIfOffline)
  // Each host anew: one that took over knows nothing of before.
  node.status.subscribe((status) => {
    if (status === 'ready') restIfOffline()
  })
  document.addEventListener('visibilitychange', () => {
    const visible = document.visibilityState === 'visible'
    node.setVisible(visible)
    if (visible) wake('visible')
  })
  document.addEventListener('resume', () => {
    wake('resume')
  })
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) wake('resume')
  })
  addEventListener('pagehide', ({ persisted }) => {
    if (!persisted) node.close()
  })
}
