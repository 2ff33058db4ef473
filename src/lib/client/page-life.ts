import type { WakeReason } from '../features/network/api.ts'
import type { NodeConnection } from './node-connection.ts'

/** How often the host is told at most that the page is used: short against the shortest time to the lock. */
const USED_PACE_MS = 10_000

/**
 * Tells the host what happens to the page. Timers of a page that sleeps do not fire, so the host is told when
 * the person is back, and looks after its connections then; when there is no network to look for any on; and that
 * the page is used, or else what is kept is locked after a while.
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
  let toldUsedAtMs = -Infinity
  const used = ({ timeStamp }: Event): void => {
    if (timeStamp - toldUsedAtMs < USED_PACE_MS) return
    toldUsedAtMs = timeStamp
    // A host that begins meanwhile counts from then on.
    node.api.vault.used().catch(() => undefined)
  }
  for (const type of ['pointerdown', 'keydown', 'wheel', 'visibilitychange']) {
    addEventListener(type, used, { capture: true, passive: true })
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
