declare const self: ServiceWorkerGlobalScope

/** A click on a notification leads to what it is about: in a window that is open, else in a new one. */
export function openOnClick(): void {
  self.addEventListener('notificationclick', (event) => {
    event.notification.close()
    const { href } = (event.notification.data ?? {}) as { href?: unknown }
    event.waitUntil(open(typeof href === 'string' && href.startsWith('#/') ? href : '#/'))
  })
}

async function open(href: string): Promise<void> {
  const windows = await self.clients.matchAll({ type: 'window' })
  const shown =
    windows.find(({ visibilityState }) => visibilityState === 'visible') ?? windows[0] ?? null
  if (shown === null) {
    await self.clients.openWindow(`/${href}`)
    return
  }
  // First: to come to the front may be refused.
  shown.postMessage({ open: href })
  await shown.focus()
}
