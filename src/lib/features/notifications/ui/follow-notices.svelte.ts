import type { About, NotificationsApi } from '../api.ts'
import { notificationPermission, readPermission } from './permission.svelte.ts'
import { withShelfLock } from './shelf-lock.ts'
import { showNotices, type NotificationShelf } from './show-notices.ts'

/** What this tab's notifications need to know. */
export interface NoticesInit {
  api: NotificationsApi
  /** Whether the person wants any; read anew when it changes. */
  wanted: () => boolean
  /** Where a click on one leads. */
  hrefOf: (about: About) => string
  /** A notification was clicked that leads there. */
  onOpen: (href: string) => void
}

/** Shows notifications for as long as the component lives, and takes them away then. */
export function followNotices({ api, wanted, hrefOf, onOpen }: NoticesInit): void {
  let focused = $state(isFocused())
  const allowed = $derived(wanted() && notificationPermission() === 'granted')

  $effect(() => {
    const look = () => {
      focused = isFocused()
      readPermission()
    }
    addEventListener('focus', look)
    addEventListener('blur', look)
    document.addEventListener('visibilitychange', look)
    return () => {
      removeEventListener('focus', look)
      removeEventListener('blur', look)
      document.removeEventListener('visibilitychange', look)
    }
  })

  $effect(() => {
    if (notificationPermission() === 'missing') return
    const { serviceWorker } = navigator
    const onMessage = ({ data }: MessageEvent<unknown>) => {
      const href = hrefIn(data)
      if (href !== null) onOpen(href)
    }
    serviceWorker.addEventListener('message', onMessage)
    return () => {
      serviceWorker.removeEventListener('message', onMessage)
    }
  })

  $effect(() => {
    if (!allowed) return
    return () => {
      void clearNotices()
    }
  })

  $effect(() => {
    if (!allowed) return
    const stopped = new AbortController()
    const notices = api.notices(focused, { signal: stopped.signal })
    const follow = async () => {
      for await (const each of notices) {
        await withShelf((shelf) => showNotices(shelf, each, hrefOf))
      }
    }
    follow().catch((error: unknown) => {
      if (!stopped.signal.aborted) tellNobody(error)
    })
    return () => {
      stopped.abort()
    }
  })
}

/** Takes away whatever names somebody. A tab that was closed left what it showed: a locked screen calls this, too. */
export async function clearNotices(): Promise<void> {
  if (notificationPermission() === 'missing') return
  const nothing = { fresh: [], open: [] }
  await withShelf((shelf) => showNotices(shelf, nothing, () => '')).catch(tellNobody)
}

/** Where notifications are shown; nowhere while the service worker is not registered. */
async function withShelf(use: (shelf: NotificationShelf) => Promise<void>): Promise<void> {
  const shelf = await navigator.serviceWorker.getRegistration()
  if (shelf !== undefined) await withShelfLock(() => use(shelf))
}

/** The messages are in the app, whatever becomes of notifications. */
function tellNobody(error: unknown): void {
  console.info('no notifications:', error)
}

function isFocused(): boolean {
  return document.visibilityState === 'visible' && document.hasFocus()
}

/** Where the service worker says to go (workers/notification-click.ts); null in other messages. */
function hrefIn(data: unknown): string | null {
  if (typeof data !== 'object' || data === null || !('open' in data)) return null
  return typeof data.open === 'string' && data.open.startsWith('#/') ? data.open : null
}
