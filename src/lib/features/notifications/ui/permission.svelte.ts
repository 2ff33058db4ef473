/**
 * Whether this page may show notifications: `missing` where the browser has none for it, such as Safari on an iPhone
 * before the app is installed, or without a service worker, which shows them.
 */
export type Permission = NotificationPermission | 'missing'

let permission = $state.raw<Permission>(read())

/** As it is now; read in a template it follows what the person answers here. */
export function notificationPermission(): Permission {
  return permission
}

/** Looks anew: it can be changed in the browser's own settings at any time. */
export function readPermission(): void {
  permission = read()
}

/** Asks the person, once; the browser remembers. Only in answer to a click. */
export async function askPermission(): Promise<Permission> {
  if (permission === 'default') await Notification.requestPermission()
  readPermission()
  return permission
}

function read(): Permission {
  return 'Notification' in globalThis && 'serviceWorker' in navigator
    ? Notification.permission
    : 'missing'
}
