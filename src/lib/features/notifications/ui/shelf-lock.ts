/** Who shows a notification or looks which are shown holds it, in pages and in the service worker. */
export const SHELF_LOCK = 'starling-notifications'

/**
 * What is done to the browser's notifications, one after the other: Chromium forgets one that is looked for after it was
 * kept and before it is on the screen (PlatformNotificationContextImpl), and can never take it away again.
 */
export function withShelfLock<T>(use: () => Promise<T>): Promise<T> {
  return navigator.locks.request(SHELF_LOCK, use)
}
